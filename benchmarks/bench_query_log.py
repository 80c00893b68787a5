"""What logging costs whoever asks, how many rows the writer takes, and how long a report over millions of rows is.

    python benchmarks/bench_query_log.py [--rows 10000000] [--queries 50000]

Each against its baseline in the same run: opening, inserting, committing and closing for every query; and the same
report by scanning the log. Ten million rows take about 1.2 GB in the temporary folder and a few minutes.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from web4_agent.domain.ids import AdapterVersion, ChunkId, DocumentId
from web4_agent.domain.queries import Interaction, ResponseId, Route, SourceUse, Status
from web4_agent.flows.query_log import QueryLog
from web4_agent.flows.reporting import ReportingParts, report
from web4_agent.records import interactions
from web4_agent.records.query_hours import BUCKET_RATIO, SUMS
from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.migrations import migrate
from web4_agent.storage.spill import SpillFile

Result = TypeVar("Result")
NOW = datetime(2026, 3, 8, 23, 59, tzinfo=UTC)
DAYS = 7
ONE_BY_ONE = 300
ROUTES = (*[Route.TRAINED] * 11, *[Route.TOOLS] * 5, *[Route.HISTORY] * 3, Route.BOTH)
SOURCES = tuple(
    SourceUse(number, DocumentId(f"2026-03-02/document-{number}.pdca.md"), ChunkId(f"c{number}"), "history", 0.5, 0.03)
    for number in (1, 2, 3)
)


def main() -> None:
    parser = argparse.ArgumentParser(description="The query log's costs against their baselines")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--queries", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log_rates(Path(folder) / "written.db", arguments.queries)
    with tempfile.TemporaryDirectory() as folder:
        report_times(Path(folder) / "large.db", arguments.rows)


def log_rates(path: Path, count: int) -> None:
    migrate(Database(sqlite_url(path)))
    print(f"{'':34}{'caller p50':>12}{'p99':>12}{'rows per CPU second':>21}{'per second':>12}")
    _print("open, insert, commit, close", baseline(path, queries("single", ONE_BY_ONE, "bare")))
    for kind in ("bare", "with text", "with text and three sources"):
        _print(f"query log, {kind}", logged(path, queries(kind, count, kind)))


def queries(name: str, count: int, kind: str) -> list[Interaction]:
    text = "" if kind == "bare" else "How was the queue limit settled, and who decided it? " * 10
    sources = SOURCES if "sources" in kind else ()
    return [
        Interaction(
            response=ResponseId(f"{name[:4]}{len(name)}-{number:016x}"),
            at_utc=NOW - timedelta(milliseconds=number),
            endpoint="/v1/chat/completions",
            client="benchmark",
            route=ROUTES[number % len(ROUTES)],
            reason="no sign of tools or history",
            adapter=AdapterVersion("a-0123456789ab"),
            status=Status.OK,
            latency_ms=1_000.0 + number % 3_000,
            tokens_in=200,
            tokens_out=120,
            sources=sources,
            query=text,
            answer=text,
        )
        for number in range(count)
    ]


def baseline(path: Path, rows: list[Interaction]) -> tuple[float, float, float, float]:
    """(p50 µs, p99 µs, rows per CPU second, rows per second): a connection a query, no roll-up."""
    marks = ", ".join("?" * len(interactions.interactions.columns))
    times, start = [], time.process_time()
    for row in rows:
        begun = time.perf_counter()
        database = sqlite3.connect(path)
        database.execute(
            f"INSERT INTO interactions VALUES ({marks})",
            (
                *(row.response, str(row.at_utc), row.endpoint, row.client, str(row.route), row.reason, row.adapter),
                *(
                    str(row.status),
                    row.latency_ms,
                    0.0,
                    0.0,
                    row.tokens_in,
                    row.tokens_out,
                    0,
                    0,
                    "[]",
                    "[]",
                    "",
                    0,
                    "",
                ),
            ),
        )
        database.commit()
        database.close()
        times.append((time.perf_counter() - begun) * 1e6)
    return *_percentiles(times), len(rows) / (time.process_time() - start), len(rows) / sum(times) * 1e6


def logged(path: Path, rows: list[Interaction]) -> tuple[float, float, float, float]:
    """As `baseline`; the CPU seconds are those of both threads."""
    folder = path.parent
    log = QueryLog(
        Database(sqlite_url(path), lazy=True), lambda: NOW, SpillFile(folder / "s.jsonl"), SpillFile(folder / "r.jsonl")
    )
    log.flush()
    times, cpu, wall = [], time.process_time(), time.perf_counter()
    for row in rows:
        begun = time.perf_counter_ns()
        log.add(row)
        times.append((time.perf_counter_ns() - begun) / 1e3)
    log.flush(600)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    log.close()
    if log.health.written != len(rows):
        raise RuntimeError(f"not all rows were written: {log.health}")
    return *_percentiles(times), len(rows) / cpu, len(rows) / wall


def report_times(path: Path, rows: int) -> None:
    begun = time.perf_counter()
    database = Database(sqlite_url(path))
    migrate(database)
    database.close()  # whoever fills it changes its journal mode
    fill(path, rows)
    size_gb = sum(file.stat().st_size for file in path.parent.iterdir()) / 1e9
    print(f"\n{rows:,} queries over {DAYS} days ({size_gb:.2f} GB, made in {time.perf_counter() - begun:.0f} s)")
    parts = ReportingParts(database, lambda: NOW)
    first, whole = _timed(lambda: report(parts, DAYS).whole.queries)
    if whole != rows:
        raise RuntimeError(f"the report counts {whole:,} queries of {rows:,}")
    again = statistics.median(_timed(lambda: report(parts, DAYS).whole.queries)[0] for _ in range(7))
    scanned, _ = _timed(lambda: scan(path))
    print(f"report from the roll-up: {first * 1e3:.1f} ms at first, {again * 1e3:.1f} ms after (median of 7)")
    print(f"the same by scanning the log: {scanned:.1f} s, {scanned / again:,.0f} times as long")
    database.close()


def fill(path: Path, rows: int) -> None:
    """Rows by SQL, spread evenly over the days; then the roll-up of them, by SQL too."""
    start = NOW.replace(hour=0, minute=0) - timedelta(days=DAYS - 1)
    step_s = DAYS * 86_400 / rows
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-200000"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("DROP INDEX ix_interactions_at_utc")  # the scan reads all days; a gigabyte less without it
    routes = " ".join(f"WHEN {number} THEN '{route}'" for number, route in enumerate(ROUTES))
    database.execute(
        f"""WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {rows})
        INSERT INTO interactions
        SELECT printf('%x', n), strftime('%Y-%m-%d %H:%M:%f000', {start.timestamp()} + n * {step_s}, 'unixepoch'),
          'chat', 'c', CASE n % {len(ROUTES)} {routes} END, '', 'a-' || (n * {DAYS} / {rows}),
          CASE n % 50 WHEN 7 THEN 'error' ELSE 'ok' END, 700.0 + (n * 7919) % 4000, 30.0 * (n % 3), 200.0, 200, 120,
          n % 2, 1, '[]', '[]', '', 0, '', '' FROM number"""
    )
    hour = "substr(at_utc, 1, 13) || ':00:00.000000'"
    database.execute(
        f"""INSERT INTO query_hours (hour_utc, route, adapter, {", ".join(SUMS)})
        SELECT {hour} AS hour, route, adapter, count(*), sum(status = 'error'), 0,
          sum(CASE status WHEN 'ok' THEN latency_ms ELSE 0 END), sum(retrieval_ms), sum(first_token_ms), count(*),
          sum(tokens_in), sum(tokens_out), sum(retrieval_ms > 0), 0, sum(hot_hits), sum(hot_misses)
        FROM interactions GROUP BY hour, route, adapter"""
    )
    database.execute(
        f"""INSERT INTO query_latencies SELECT {hour} AS hour, route,
          CAST(ln(latency_ms) / ln({BUCKET_RATIO}) AS INTEGER) AS bucket, count(*)
        FROM interactions WHERE status = 'ok' GROUP BY hour, route, bucket"""
    )
    database.close()


def scan(path: Path) -> list[tuple[object, ...]]:
    """The report's figures a day, and the histogram behind its percentiles, from the log itself."""
    database = sqlite3.connect(path)
    figures = database.execute(
        """SELECT substr(at_utc, 1, 10) AS day, route, count(*), sum(status = 'error'), avg(latency_ms),
          avg(retrieval_ms), avg(first_token_ms), sum(hot_hits), sum(hot_misses)
        FROM interactions GROUP BY day, route"""
    ).fetchall()
    latencies = database.execute(
        f"""SELECT substr(at_utc, 1, 10) AS day, CAST(ln(latency_ms) / ln({BUCKET_RATIO}) AS INTEGER) AS b, count(*)
        FROM interactions WHERE status = 'ok' GROUP BY day, b"""
    ).fetchall()
    database.close()
    return [*figures, *latencies]


def _print(name: str, figures: tuple[float, float, float, float]) -> None:
    p50, p99, cpu, wall = figures
    print(f"{name:34}{p50:9.2f} µs{p99:9.2f} µs{cpu:21,.0f}{wall:12,.0f}")


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def _percentiles(times: list[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


if __name__ == "__main__":
    main()
