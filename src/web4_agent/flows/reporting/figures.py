"""The figures of a span of days, from the roll-up and the thumbs. Called by the reports beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from web4_agent.domain.errors import UsageError
from web4_agent.domain.queries import Route, Thumb
from web4_agent.flows.reporting.quality import Quality, quality_of
from web4_agent.records import feedback, query_hours
from web4_agent.records.feedback import ThumbCount
from web4_agent.records.query_hours import Totals, merged, quantile_ms, together
from web4_agent.steps.proportions import Share, share

MOST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Span:
    """Figures of some queries. Milliseconds are means over answered queries but for `p95_ms`; a hit rate is None where
    nothing was looked up, satisfaction where nobody gave a thumb, the quality score where nothing was asked.
    """

    queries: int
    errors: int
    cancelled: int
    error_rate: float
    latency_ms: float
    p50_ms: float
    p95_ms: float
    retrieval_ms: float
    first_token_ms: float
    retrievals: int
    retrieval_hit_rate: float | None
    hot_hit_rate: float | None
    tokens_in: int
    tokens_out: int
    satisfaction: float | None
    thumbs: int
    quality_score: float | None
    quality: Quality | None


@dataclass(frozen=True, slots=True)
class Counted:
    """What the ledger holds of some days: sums and latency buckets by route, thumbs."""

    totals: dict[Route, Totals]
    latencies: dict[Route, dict[int, int]]
    thumbs: list[ThumbCount]

    @property
    def figures(self) -> Span:
        return figures_of(self)

    def of(self, route: Route) -> "Counted":
        """One route of them."""
        return Counted(
            {route: self.totals.get(route, Totals())},
            {route: self.latencies.get(route, {})},
            [one for one in self.thumbs if one.route is route],
        )


def counted(connection: Connection, first: date, last: date) -> Counted:
    """The days from `first` to `last`, both included."""
    moments = moments_of(first, last)
    return Counted(
        query_hours.totals(connection, *moments),
        query_hours.latencies(connection, *moments),
        feedback.counts(connection, *moments),
    )


def all_of(parts: Sequence[Counted]) -> Counted:
    """Several together, without reading them again."""
    routes = {route for part in parts for route in part.totals}
    return Counted(
        {route: together(part.totals[route] for part in parts if route in part.totals) for route in routes},
        {route: merged(part.latencies.get(route, {}) for part in parts) for route in routes},
        [thumb for part in parts for thumb in part.thumbs],
    )


def figures_of(some: Counted) -> Span:
    found, buckets = together(some.totals.values()), list(some.latencies.values())
    liked = liked_of(some.thumbs)
    quality = quality_of(some.totals, some.latencies, liked)
    return Span(
        queries=found.queries,
        errors=found.errors,
        cancelled=found.cancelled,
        error_rate=found.errors / found.queries if found.queries else 0.0,
        latency_ms=found.latency_ms / found.answered if found.answered else 0.0,
        p50_ms=quantile_ms(buckets, 0.50),
        p95_ms=quantile_ms(buckets, 0.95),
        retrieval_ms=found.retrieval_ms / found.retrievals if found.retrievals else 0.0,
        first_token_ms=found.first_token_ms / found.first_tokens if found.first_tokens else 0.0,
        retrievals=found.retrievals,
        retrieval_hit_rate=rate_of(found.retrieval_hits, found.retrievals),
        hot_hit_rate=rate_of(found.hot_hits, found.hot_hits + found.hot_misses),
        tokens_in=found.tokens_in,
        tokens_out=found.tokens_out,
        satisfaction=liked.value if liked.whole else None,
        thumbs=liked.whole,
        quality_score=quality.score if quality else None,
        quality=quality,
    )


def liked_of(thumbs: list[ThumbCount]) -> Share:
    return share(
        sum(one.count for one in thumbs if one.thumb is Thumb.UP),
        sum(one.count for one in thumbs),
    )


def rate_of(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def first_day(end: date, days: int) -> date:
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"--days {days} is not between 1 and {MOST_DAYS:,}", "write --days 7")
    return end - timedelta(days=days - 1)


def moments_of(first: date, last: date) -> tuple[datetime, datetime]:
    return (
        datetime.combine(first, time(), UTC),
        datetime.combine(last + timedelta(days=1), time(), UTC),
    )
