"""Reports over a log whose answers are known."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.flows.interactions import NOON, asked, source
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Feedback, Interaction, Route, Status, Thumb
from web4_agent.flows.reporting import ReportingParts, TargetStatus, distribution, hot, report, satisfaction
from web4_agent.records import document_uses, feedback, interactions, query_hours
from web4_agent.storage.database import Database

OK, WARN, ALARM, FEW = TargetStatus.OK, TargetStatus.WARN, TargetStatus.ALARM, TargetStatus.TOO_FEW


def logged(database: Database, rows: Sequence[Interaction]) -> ReportingParts:
    with database.begin() as connection:
        interactions.add(connection, rows)
        query_hours.add(connection, rows)
        document_uses.add(connection, rows)
    return ReportingParts(database, lambda: NOON)


def routed(trained: int, tools: int, history: int, both: int = 0, **changes: object) -> list[Interaction]:
    routes = [Route.TRAINED] * trained + [Route.TOOLS] * tools + [Route.HISTORY] * history + [Route.BOTH] * both
    return [asked(number, route=route, **changes) for number, route in enumerate(routes)]


def thumbs(database: Database, first: int, ups: int, downs: int, days_ago: int = 0) -> None:
    at_utc = NOON - timedelta(days=days_ago)
    with database.begin() as connection:
        for number in range(first, first + ups + downs):
            thumb = Thumb.UP if number < first + ups else Thumb.DOWN
            feedback.put(connection, Feedback(asked(number).response, "bob", at_utc, thumb))


def test_a_report_has_a_row_for_every_day_and_one_for_all(database: Database) -> None:
    rows = [
        *(asked(number, latency_ms=1_000.0) for number in range(30)),
        *(asked(number, latency_ms=3_000.0, at_utc=NOON - timedelta(days=1)) for number in range(30, 50)),
        asked(50, status=Status.ERROR, latency_ms=1.0, hot_hits=3, hot_misses=1),
        asked(51, at_utc=NOON - timedelta(days=7)),
    ]
    found = report(logged(database, rows), 7)
    assert [one.day.day for one in found.days] == [26, 27, 28, 1, 2, 3, 4]
    assert [one.figures.queries for one in found.days] == [0, 0, 0, 0, 0, 20, 31]
    today = found.days[-1].figures
    assert (today.latency_ms, today.errors, today.error_rate, today.hot_hit_rate) == (1_000.0, 1, 1 / 31, 0.75)
    assert (found.whole.queries, found.whole.latency_ms) == (51, 1_800.0)
    assert found.whole.p95_ms == pytest.approx(3_000, rel=0.025)
    assert found.whole.retrieval_hit_rate is None


@pytest.mark.parametrize(
    ("rows", "statuses"),
    [
        (routed(550, 300, 150), [OK, OK, OK]),
        (routed(620, 230, 150), [WARN, WARN, OK]),
        (routed(900, 50, 50), [ALARM, ALARM, ALARM]),
        (routed(450, 300, 240, 10), [WARN, OK, WARN]),
        (routed(24, 5, 4), [WARN, WARN, OK]),
        (routed(28, 1, 0), [FEW, FEW, FEW]),
    ],
)
def test_route_shares_are_held_against_the_targets(
    database: Database, rows: list[Interaction], statuses: list[TargetStatus]
) -> None:
    found = distribution(logged(database, rows), 1)
    assert [one.status for one in found.checks] == statuses
    assert sum(one.share.part for one in found.routes) == found.queries == len(rows)


def test_what_uses_tools_and_history_counts_for_both(database: Database) -> None:
    found = distribution(logged(database, routed(55, 20, 5, 20)), 1)
    assert [round(one.measured, 2) for one in found.checks] == [0.55, 0.40, 0.25]


@pytest.mark.parametrize(
    ("latency_ms", "errors", "statuses"),
    [(2_000.0, 1, [OK, OK]), (2_300.0, 6, [WARN, WARN]), (2_600.0, 20, [ALARM, ALARM])],
)
def test_latency_and_errors_are_held_against_theirs(
    database: Database, latency_ms: float, errors: int, statuses: list[TargetStatus]
) -> None:
    rows = [
        *(asked(number, latency_ms=latency_ms) for number in range(100 - errors)),
        *(asked(number, status=Status.ERROR, latency_ms=5.0) for number in range(100 - errors, 100)),
    ]
    assert [one.status for one in report(logged(database, rows), 1).checks[3:]] == statuses


def test_satisfaction_by_route_and_adapter_and_its_rise(database: Database) -> None:
    tuned = AdapterVersion("a-1")
    rows = [asked(number, adapter=tuned, route=Route.TOOLS) for number in range(100)]
    parts = logged(database, [*rows, *(asked(number) for number in range(100, 200))])
    thumbs(database, 0, 90, 10)
    thumbs(database, 100, 50, 50, days_ago=7)
    found = satisfaction(parts, 7)
    assert (found.now.value, found.before.value, found.trend) == (0.9, 0.5, "rose")
    assert found.change is not None
    assert found.change.low > 0.2
    assert [(one.name, one.share.whole) for one in found.adapters] == [("a-1", 100)]
    assert [(one.name, one.share.part) for one in found.routes] == [("tools", 90)]
    assert report(parts, 7).days[-1].figures.satisfaction == 0.9


@pytest.mark.parametrize(
    ("now", "before", "trend"),
    [
        ((50, 50), (52, 48), "no clear change"),
        ((10, 90), (52, 48), "fell"),
        ((5, 5), (6, 4), "too few to judge"),
        ((5, 5), (0, 0), "no thumbs to compare with"),
        ((0, 0), (0, 0), "no thumbs yet"),
    ],
)
def test_a_trend_is_named_only_when_it_is_one(
    database: Database, now: tuple[int, int], before: tuple[int, int], trend: str
) -> None:
    parts = logged(database, [asked(number) for number in range(200)])
    thumbs(database, 0, *now)
    thumbs(database, 100, *before, days_ago=7)
    assert satisfaction(parts, 7).trend == trend


def test_the_most_used_documents_are_ranked(database: Database) -> None:
    rows = [
        asked(1, sources=(source("a.md"), source("b.md")), hot_misses=2),
        asked(2, sources=(source("b.md"),), hot_hits=1),
        asked(3, sources=(source("old.md"),), at_utc=NOON - timedelta(days=30)),
    ]
    found = hot(logged(database, rows), 7)
    assert [(one.rank, one.document, one.uses) for one in found.documents] == [(1, "b.md", 2), (2, "a.md", 1)]
    assert found.documents[0].last_utc == rows[1].at_utc
    assert found.hot_hit_rate == pytest.approx(1 / 3)


def test_an_empty_log_has_reports_too(database: Database) -> None:
    parts = logged(database, [])
    assert report(parts, 7).whole.queries == 0
    assert {one.status for one in report(parts, 7).checks} == {FEW}
    assert distribution(parts, 7).queries == 0
    assert satisfaction(parts, 7).now.whole == 0
    assert hot(parts, 7).documents == ()


@pytest.mark.parametrize("days", [0, -1, 9_999])
def test_days_that_make_no_sense_are_refused(database: Database, days: int) -> None:
    with pytest.raises(UsageError, match="--days"):
        report(ReportingParts(database, lambda: NOON), days)
