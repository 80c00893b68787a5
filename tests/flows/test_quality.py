"""The quality score, by numbers computed by hand."""

import pytest

from tests.flows.interactions import asked, source
from tests.flows.test_reporting import logged, thumbs
from web4_agent.domain.queries import Route, Status
from web4_agent.flows.reporting import report
from web4_agent.flows.reporting.quality import LATENCY_TARGETS_MS, quality_of
from web4_agent.records.query_hours import Totals, bucket_of
from web4_agent.steps.proportions import share
from web4_agent.storage.database import Database

NOBODY = share(0, 0)
FOUR_SECONDS = 2_000 / 1.05**169.5
"""What an answer of 4 s is worth on the trained route: 2 s against the middle of its bucket, 3.9 s. About 0.512."""


def test_errors_multiply_and_clients_that_left_count_for_nothing() -> None:
    totals = {Route.TRAINED: Totals(queries=10, errors=1, cancelled=1)}
    latencies = {Route.TRAINED: {bucket_of(1_000): 4, bucket_of(4_000): 4}}
    found = quality_of(totals, latencies, NOBODY)
    assert found is not None
    assert (found.answered, found.found, found.liked) == (8 / 9, None, None)
    assert found.speed == pytest.approx((4 + 4 * FOUR_SECONDS) / 8)
    assert found.score == pytest.approx(8 / 9 * (4 + 4 * FOUR_SECONDS) / 8)
    assert round(found.score, 3) == 0.672


def test_what_was_found_and_what_people_thought_weigh_as_far_as_they_are_known() -> None:
    totals = {Route.HISTORY: Totals(queries=10, retrievals=10, retrieval_hits=5)}
    found = quality_of(totals, {Route.HISTORY: {bucket_of(1_000): 10}}, share(6, 10))
    assert found is not None
    assert (found.speed, found.found, found.liked) == (1.0, 0.5, 0.6)
    assert found.score == pytest.approx(
        (1 * 1.0 + 1 * 0.5 + 2 * 0.5 * 0.6) / (1 + 1 + 2 * 0.5)
    )  # 10 thumbs: half weight
    assert found.score == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("up", "of", "score"),
    [(0, 0, 1.0), (0, 1, 11 / 13), (0, 10, 0.5), (0, 90, 1 / 2.8), (90, 90, 1.0)],
)
def test_few_thumbs_say_little(up: int, of: int, score: float) -> None:
    """One thumb down of one takes 2/11 of the weight of speed; ninety take 1.8 times it."""
    found = quality_of({Route.TRAINED: Totals(queries=100)}, {Route.TRAINED: {0: 100}}, share(up, of))
    assert found is not None
    assert found.score == pytest.approx(score)


@pytest.mark.parametrize(("route", "target_ms"), LATENCY_TARGETS_MS.items())
def test_each_route_has_its_own_time(route: Route, target_ms: float) -> None:
    totals = {route: Totals(queries=1)}
    just, late = (quality_of(totals, {route: {bucket_of(ms): 1}}, NOBODY) for ms in (target_ms / 1.06, target_ms * 3))
    assert just is not None
    assert late is not None
    assert just.score == 1.0
    assert late.score == pytest.approx(1 / 3, rel=0.025)


def test_without_an_end_there_is_no_score_and_all_errors_are_zero() -> None:
    assert quality_of({}, {}, NOBODY) is None
    assert quality_of({Route.TRAINED: Totals(queries=3, cancelled=3)}, {}, share(1, 1)) is None
    failed = quality_of({Route.TRAINED: Totals(queries=3, errors=3)}, {}, share(3, 3))
    assert failed is not None
    assert failed.score == 0.0


def test_the_report_has_it_for_each_day_and_for_all(database: Database) -> None:
    rows = [
        *(asked(number, latency_ms=1_000.0) for number in range(8)),
        asked(8, latency_ms=1_000.0, route=Route.HISTORY, collections=("pdca_historical",), sources=(source("a.md"),)),
        asked(9, status=Status.ERROR),
    ]
    parts = logged(database, rows)
    thumbs(database, 0, 2, 0)
    found = report(parts, 2)
    assert [one.figures.quality_score for one in found.days] == [None, found.whole.quality_score]
    # 9 of 10 answered, all in time; one of ten looked up, and found; two thumbs of two: 2 * 2/12
    assert found.whole.quality_score == pytest.approx(0.9 * (1 + 0.1 + 1 / 3) / (1 + 0.1 + 1 / 3))
    assert found.whole.quality is not None
    assert (found.whole.quality.found, found.whole.quality.liked) == (1.0, 1.0)
