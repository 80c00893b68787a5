"""How long the dashboard's pages take, how heavy they are, and when a browser paints them first.

    python benchmarks/bench_dashboard.py [--nights 400] [--queries 1000000] [--rounds 30]

On a home with that history, beside an empty install as the baseline, in the same run. Times are of whole requests to a
gateway in this process; `cpu` is what both sides of one take of the processor, which a busy machine hardly changes. The
weight is of the page with all it loads, as it is sent (gzip) and as it is (plain). First paint is Chromium's own figure
with nothing cached, where there is one. Then every statement of the pages is shown that reads a table from end to end.
"""

import argparse
import gzip
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy import event
from tests.gateway.dashboard_home import History, fill
from tests.gateway.running import Running, make_runtime, started

from web4_agent.backends.engines.scripted import ScriptedLauncher

PAGES = {
    "today": "/",
    "nights": "/nights",
    "nights, page 10": "/nights?page=10",
    "adapters": "/adapters",
    "documents": "/documents",
    "documents, searched": "/documents?shelf=all&q=tide",
    "documents, last page": "/documents?shelf=history&page=399",
    "quarantine": "/documents?shelf=quarantine",
    "most used": "/documents?shelf=hot",
}
PAINTS = 5
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    first_ms: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    sent: int
    plain: int


def main() -> None:
    parser = argparse.ArgumentParser(description="The dashboard with a long history, and empty")
    parser.add_argument("--nights", type=int, default=400)
    parser.add_argument("--queries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=30)
    chosen = parser.parse_args()
    history = History(chosen.nights, 25, chosen.queries, 75_000, 10_000, 40, 25, 3_000)
    found: dict[str, dict[str, Figures]] = {}
    paints: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, filled in (("empty", None), (f"{chosen.nights} nights, {chosen.queries:,} queries", history)):
            with serving(Path(folder) / name[:5], filled) as gateway:
                found[name] = {page: measured(gateway, path, chosen.rounds) for page, path in PAGES.items()}
                paints[name] = dict(painted(gateway))
                if filled is not None:
                    show_scans(gateway)
    show(found, paints)


@contextmanager
def serving(root: Path, history: History | None) -> Iterator[Running]:
    root.mkdir()
    launcher = ScriptedLauncher()
    runtime = make_runtime(root, {}, launcher)
    if history is not None:
        began = time.perf_counter()
        fill(runtime, history, datetime.now(UTC))
        size = runtime.home.ledger.stat().st_size
        print(f"a ledger of {size / 1e6:,.0f} MB, made in {time.perf_counter() - began:.0f} s", flush=True)
    with started(runtime, launcher) as gateway:
        while "Checked <time" not in gateway.get("/dashboard/").text:
            time.sleep(0.2)
        yield gateway
    runtime.close()


def measured(gateway: Running, path: str, rounds: int) -> Figures:
    times, cpu = [], []
    with httpx.Client(base_url=f"{gateway.url}/dashboard", trust_env=False, timeout=120) as client:
        client.get("/static/icon.svg")  # the connection is open, as a browser's is
        for _ in range(rounds + 1):
            began, spent = time.perf_counter(), time.process_time()
            told = client.get(path)
            times.append((time.perf_counter() - began) * 1e3)
            cpu.append((time.process_time() - spent) * 1e3)
            told.raise_for_status()
        addresses = set(re.findall(r'"/dashboard(/static/[^"]+)"', told.text))
        files = [client.get(one) for one in addresses]
    sent = len(gzip.compress(told.content, 5)) + sum(one.num_bytes_downloaded for one in files)
    plain = len(told.content) + sum(len(one.content) for one in files)
    rest = sorted(times[1:])
    return Figures(
        times[0], statistics.median(rest), rest[int(len(rest) * 0.95)], statistics.median(cpu[1:]), sent, plain
    )


def painted(gateway: Running) -> Iterator[tuple[str, float]]:
    """First contentful paint of the four pages, median of five, nothing cached."""
    binary = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if binary is None:
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(ARGUMENTS), timeout=120_000)
        for name in ("today", "nights", "adapters", "quarantine"):
            paints = []
            for _ in range(PAINTS):
                context = browser.new_context()
                page = context.new_page()
                page.goto(f"{gateway.url}/dashboard{PAGES[name]}", timeout=120_000)
                page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
                paints.append(
                    float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
                )
                context.close()
            yield name, statistics.median(paints)
        browser.close()


def show_scans(gateway: Running) -> None:
    seen: dict[str, object] = {}
    engine = gateway.runtime.database.engine
    event.listen(engine, "before_cursor_execute", lambda *given: seen.setdefault(given[2], given[3]))
    for path in PAGES.values():
        gateway.get(f"/dashboard{path}")
    scans = set()
    with engine.connect() as connection:
        for statement, values in list(seen.items()):
            if statement.lstrip().upper().startswith("SELECT"):
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values):  # type: ignore[arg-type] # as the driver was given them
                    if row[3].startswith("SCAN ") and "(" not in row[3]:
                        scans.add(row[3])
    print(f"{len(seen)} statements; read from end to end: {', '.join(sorted(scans))}\n", flush=True)


def show(found: dict[str, dict[str, Figures]], paints: dict[str, dict[str, float]]) -> None:
    for name, pages in found.items():
        print(name)
        print(f"  {'page':22}{'first':>9}{'p50':>9}{'p95':>9}{'cpu':>9}{'sent':>10}{'plain':>10}{'first paint':>13}")
        for page, one in pages.items():
            paint = f"{paints[name][page]:8.0f} ms" if page in paints[name] else ""
            times = "".join(f"{ms:6.0f} ms" for ms in (one.first_ms, one.p50_ms, one.p95_ms, one.cpu_ms))
            print(f"  {page:22}{times}{one.sent / 1e3:7.1f} kB{one.plain / 1e3:7.1f} kB{paint:>13}")


if __name__ == "__main__":
    main()
