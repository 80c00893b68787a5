"""The four reports: figures a day, how queries were routed, what people thought, which documents were used most."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from web4_agent.domain.ids import AdapterVersion, DocumentId
from web4_agent.domain.queries import Route
from web4_agent.flows.reporting.figures import (
    Span,
    all_of,
    counted,
    first_day,
    liked_of,
    moments_of,
    rate_of,
)
from web4_agent.flows.reporting.targets import (
    ERROR_TARGET,
    LATENCY_TARGET,
    TOO_FEW,
    TargetCheck,
    TargetStatus,
    judge,
    route_checks,
)
from web4_agent.records import document_uses, documents, feedback, query_hours
from web4_agent.records.feedback import ThumbCount
from web4_agent.records.query_hours import Totals, together
from web4_agent.steps.proportions import Change, Share, change, share
from web4_agent.storage.database import Database

HOT_COUNT = 20


@dataclass(frozen=True, slots=True)
class ReportingParts:
    database: Database
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    figures: Span


@dataclass(frozen=True, slots=True)
class Report:
    """Days in order, the last one not over yet; `whole` is all of them together."""

    start: date
    end: date
    days: tuple[Day, ...]
    whole: Span
    checks: tuple[TargetCheck, ...]


@dataclass(frozen=True, slots=True)
class RouteShare:
    route: Route
    share: Share
    figures: Span


@dataclass(frozen=True, slots=True)
class Distribution:
    start: date
    end: date
    queries: int
    routes: tuple[RouteShare, ...]
    checks: tuple[TargetCheck, ...]


@dataclass(frozen=True, slots=True)
class Liked:
    """Satisfaction with the answers of one route or adapter."""

    name: str
    share: Share


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """`change` is None and `trend` says so while one of the two spans has no thumbs."""

    start: date
    end: date
    now: Share
    before: Share
    change: Change | None
    trend: str
    routes: tuple[Liked, ...]
    adapters: tuple[Liked, ...]
    thumbs_per_query: float


@dataclass(frozen=True, slots=True)
class HotDocument:
    """`title` is empty when the ledger does not hold the document (any more)."""

    rank: int
    document: DocumentId
    title: str
    uses: int
    days: int
    last_utc: datetime


@dataclass(frozen=True, slots=True)
class Hot:
    """The cache's hits and misses are of all documents together: which one was found there is not on record."""

    start: date
    end: date
    documents: tuple[HotDocument, ...]
    hot_hits: int
    hot_misses: int
    hot_hit_rate: float | None


def report(parts: ReportingParts, days: int) -> Report:
    """The last `days` days, today included. Raises UsageError, DatabaseError."""
    end = parts.now().astimezone(UTC).date()
    start = first_day(end, days)
    dates = [start + timedelta(days=number) for number in range(days)]
    with parts.database.read() as connection:
        found = [counted(connection, day, day) for day in dates]
    every = all_of(found)
    rows = tuple(Day(day, one.figures) for day, one in zip(dates, found, strict=True))
    whole = every.figures
    return Report(start, end, rows, whole, (*route_checks(every.totals), *_figure_checks(whole)))


def distribution(parts: ReportingParts, days: int) -> Distribution:
    """How queries were routed, against the targets of training-first. Raises as `report`."""
    end = parts.now().astimezone(UTC).date()
    start = first_day(end, days)
    with parts.database.read() as connection:
        found = counted(connection, start, end)
    queries = together(found.totals.values()).queries
    routes = tuple(
        RouteShare(route, share(of_route.queries, queries), found.of(route).figures)
        for route in Route
        if (of_route := found.totals.get(route, Totals())).queries or route is not Route.BUFFER
    )
    return Distribution(start, end, queries, routes, route_checks(found.totals))


def satisfaction(parts: ReportingParts, days: int) -> Satisfaction:
    """Thumbs of the last `days` days against those of as many days before. Raises as `report`."""
    end = parts.now().astimezone(UTC).date()
    start = first_day(end, days)
    with parts.database.read() as connection:
        thumbs = feedback.counts(connection, *moments_of(start, end))
        earlier = feedback.counts(connection, *moments_of(start - timedelta(days=days), start - timedelta(days=1)))
        queries = together(query_hours.totals(connection, *moments_of(start, end)).values()).queries
    now, before = liked_of(thumbs), liked_of(earlier)
    moved = change(before, now) if now.whole and before.whole else None
    return Satisfaction(
        start,
        end,
        now,
        before,
        moved,
        _trend(now, before, moved),
        tuple(
            Liked(route, liked_of([one for one in thumbs if one.route is route]))
            for route in Route
            if any(one.route is route for one in thumbs)
        ),
        tuple(
            Liked(adapter, liked_of([one for one in thumbs if one.adapter == adapter])) for adapter in _adapters(thumbs)
        ),
        now.whole / queries if queries else 0.0,
    )


def hot(parts: ReportingParts, days: int, count: int = HOT_COUNT) -> Hot:
    """The `count` documents that were most often put before the model. Raises as `report`."""
    end = parts.now().astimezone(UTC).date()
    start = first_day(end, days)
    with parts.database.read() as connection:
        used = document_uses.ranking(connection, start, end, count)
        rows = {one.document: documents.present(connection, one.document) for one in used}
        found = together(query_hours.totals(connection, *moments_of(start, end)).values())
    ranked = tuple(
        HotDocument(
            rank, one.document, row.title if (row := rows[one.document]) else "", one.uses, one.days, one.last_utc
        )
        for rank, one in enumerate(used, start=1)
    )
    rate = rate_of(found.hot_hits, found.hot_hits + found.hot_misses)
    return Hot(start, end, ranked, found.hot_hits, found.hot_misses, rate)


def _figure_checks(whole: Span) -> tuple[TargetCheck, ...]:
    return (
        judge(LATENCY_TARGET, whole.latency_ms, whole.queries - whole.errors - whole.cancelled),
        judge(ERROR_TARGET, share(whole.errors, whole.queries), whole.queries),
    )


def _trend(now: Share, before: Share, moved: Change | None) -> str:
    if moved is None:
        return "no thumbs to compare with" if now.whole else "no thumbs yet"
    if min(now.whole, before.whole) < TOO_FEW and moved.low <= 0 <= moved.high:
        return TargetStatus.TOO_FEW.value
    if moved.low > 0:
        return "rose"
    return "fell" if moved.high < 0 else "no clear change"


def _adapters(thumbs: list[ThumbCount]) -> list[AdapterVersion]:
    """Those with most thumbs first."""
    counted: dict[AdapterVersion, int] = {}
    for one in thumbs:
        counted[one.adapter] = counted.get(one.adapter, 0) + one.count
    return sorted(counted, key=lambda adapter: (-counted[adapter], adapter))
