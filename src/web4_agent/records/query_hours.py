"""The roll-up of the query log: one row an hour, route and adapter, and the latencies of each hour in buckets.

Kept in the transaction that adds the queries, so that it never differs from them and a report over millions of queries
reads a few hundred rows. Latencies and first tokens are summed over queries that were answered (`ok`); an error that
comes at once would make the model look fast.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Float, Integer, PrimaryKeyConstraint, String, Table, func, select

from web4_agent.domain.queries import Interaction, Route, Status
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.upsert import add_up

query_hours = Table(
    "query_hours",
    metadata,
    Column("hour_utc", UtcDateTime, nullable=False),
    Column("route", String(16), nullable=False),
    Column("adapter", String(32), nullable=False),
    Column("queries", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("retrieval_ms", Float, nullable=False),
    Column("first_token_ms", Float, nullable=False),
    Column("first_tokens", Integer, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("retrievals", Integer, nullable=False),
    Column("retrieval_hits", Integer, nullable=False),
    Column("hot_hits", Integer, nullable=False),
    Column("hot_misses", Integer, nullable=False),
    PrimaryKeyConstraint("hour_utc", "route", "adapter"),
)

query_latencies = Table(
    "query_latencies",
    metadata,
    Column("hour_utc", UtcDateTime, nullable=False),
    Column("route", String(16), nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("queries", Integer, nullable=False),
    PrimaryKeyConstraint("hour_utc", "route", "bucket"),
)

BUCKET_RATIO = 1.05
"""A bucket reaches from 1.05^n to 1.05^(n+1) ms; its geometric middle is at most 2.5 % from any value in it."""
LARGEST_BUCKET = 390
"""From 1.05^390 ms, two days, on; the first one holds all below 1.05 ms."""
_PER_LOG = 1.0 / math.log(BUCKET_RATIO)
_MIDDLES_MS = tuple(math.pow(BUCKET_RATIO, bucket + 0.5) for bucket in range(LARGEST_BUCKET + 1))


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over queries. `latency_ms` is over `answered` ones, `first_token_ms` over `first_tokens` of these,
    `retrieval_ms` over `retrievals`: queries for which something was looked up, `retrieval_hits` with a source found.
    """

    queries: int = 0
    errors: int = 0
    cancelled: int = 0
    latency_ms: float = 0.0
    retrieval_ms: float = 0.0
    first_token_ms: float = 0.0
    first_tokens: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    retrievals: int = 0
    retrieval_hits: int = 0
    hot_hits: int = 0
    hot_misses: int = 0

    @property
    def answered(self) -> int:
        return self.queries - self.errors - self.cancelled


SUMS = tuple(Totals.__dataclass_fields__)


def add(connection: Connection, rows: Iterable[Interaction]) -> None:
    """Add these queries to their hours. Not idempotent: call it in the transaction that inserts them."""
    hours: dict[tuple[datetime, str, str], list[float]] = {}
    buckets: dict[tuple[datetime, str, int], int] = {}
    for row in rows:
        hour, route = row.at_utc.replace(minute=0, second=0, microsecond=0), row.route.value
        sums = hours.get((hour, route, row.adapter))
        if sums is None:
            sums = hours[hour, route, row.adapter] = [0] * len(SUMS)
        _count(sums, row)
        if row.status is Status.OK:
            key = (hour, route, bucket_of(row.latency_ms))
            buckets[key] = buckets.get(key, 0) + 1
    add_up(connection, query_hours, [_hour_row(key, hours[key]) for key in sorted(hours)], SUMS)
    add_up(
        connection,
        query_latencies,
        [{"hour_utc": key[0], "route": key[1], "bucket": key[2], "queries": buckets[key]} for key in sorted(buckets)],
        ("queries",),
    )


def totals(connection: Connection, start: datetime, end: datetime) -> dict[Route, Totals]:
    """Sums by route of the hours from `start` until before `end`, both on the hour."""
    hours = query_hours.c
    query = (
        select(hours.route, *(func.sum(hours[name]).label(name) for name in SUMS))
        .where(hours.hour_utc >= start, hours.hour_utc < end)
        .group_by(hours.route)
    )
    return {Route(row[0]): Totals(*map(_number, SUMS, row[1:])) for row in connection.execute(query)}


def latencies(connection: Connection, start: datetime, end: datetime) -> dict[Route, dict[int, int]]:
    """How many answered queries fell into each bucket, by route, in the hours from `start` until before `end`."""
    hours = query_latencies.c
    query = (
        select(hours.route, hours.bucket, func.sum(hours.queries))
        .where(hours.hour_utc >= start, hours.hour_utc < end)
        .group_by(hours.route, hours.bucket)
    )
    found: dict[Route, dict[int, int]] = {}
    for route, bucket, count in connection.execute(query):
        found.setdefault(Route(route), {})[bucket] = int(count)
    return found


def together(parts: Iterable[Totals]) -> Totals:
    """The sum of sums."""
    columns = zip(*(astuple(part) for part in parts), strict=True)
    return Totals(*(sum(column) for column in columns))


def merged(parts: Iterable[dict[int, int]]) -> dict[int, int]:
    """The counts of several sets of buckets, added up."""
    found: dict[int, int] = {}
    for part in parts:
        for bucket, count in part.items():
            found[bucket] = found.get(bucket, 0) + count
    return found


def bucket_of(latency_ms: float) -> int:
    """Raises ValueError or OverflowError when it is no finite number."""
    if latency_ms < BUCKET_RATIO:
        return 0
    return min(LARGEST_BUCKET, int(math.log(latency_ms) * _PER_LOG))


def bucket_ms(bucket: int) -> float:
    """The geometric middle of a bucket: at most 2.5 % from any latency in it."""
    return _MIDDLES_MS[bucket]


def quantile_ms(buckets: Sequence[dict[int, int]], share: float) -> float:
    """The latency that `share` of the queries in these buckets do not exceed, within 2.5 %; 0 where there are none."""
    counts = merged(buckets)
    wanted = math.ceil(share * sum(counts.values()))
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted:
            return bucket_ms(bucket)
    return 0.0


def _count(sums: list[float], row: Interaction) -> None:
    """Add one query to sums in the order of `SUMS`."""
    sums[0] += 1
    sums[1] += row.status is Status.ERROR
    sums[2] += row.status is Status.CANCELLED
    if row.status is Status.OK:
        sums[3] += row.latency_ms
        if row.first_token_ms > 0:
            sums[5] += row.first_token_ms
            sums[6] += 1
    sums[7] += row.tokens_in
    sums[8] += row.tokens_out
    if row.retrieval_ms > 0 or row.collections:
        sums[4] += row.retrieval_ms
        sums[9] += 1
        sums[10] += bool(row.sources)
    sums[11] += row.hot_hits
    sums[12] += row.hot_misses


def _hour_row(key: tuple[datetime, str, str], sums: Sequence[float]) -> dict[str, object]:
    return {"hour_utc": key[0], "route": key[1], "adapter": key[2], **dict(zip(SUMS, sums, strict=True))}


def _number(name: str, value: Any) -> Any:  # PostgreSQL sums big integers to decimals
    return float(value) if name.endswith("_ms") else int(value)
