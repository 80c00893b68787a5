"""Today's margins against yesterday's: intervals by hand, the gate's limits, and nothing passes without figures."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from web4_agent.domain.verdicts import GatePolicy, Margin, ModelScores, SampleAudit, Stratum
from web4_agent.steps.judging.gate import judge
from web4_agent.steps.judging.margin_changes import MarginComparison, compare_margins
from web4_agent.steps.judging.statistics import mean_interval

POLICY = GatePolicy()


def scores(value: Callable[[Stratum, int], float], *, critical: bool = False, rescored: float = 0.0) -> ModelScores:
    """Forty items a stratum; an item's number in its stratum is all that its margin depends on."""
    margins = tuple(
        Margin(f"{stratum}-{number}", f"{stratum}-{number // 2}", stratum, critical, value(stratum, number))
        for stratum in Stratum
        for number in range(40)
    )
    again = tuple((margin.item, margin.value + rescored) for margin in margins[::20])
    return ModelScores("a-1", (), margins, (), rescored=again)


def yesterday(stratum: Stratum, number: int) -> float:
    return 1.0 + number % 5 + 0.1 * list(Stratum).index(stratum)


def test_the_interval_is_students_reckoned_by_hand() -> None:
    """Of 1, 2, 3, 4: mean 2.5, sd 1.29099, t(0.975, 3) = 3.18245, so 2.5 ± 3.18245 · 1.29099 / 2."""
    found = mean_interval([1.0, 2.0, 3.0, 4.0], 0.025)
    assert (found.count, found.mean, found.confidence) == (4, 2.5, 0.95)
    assert found.low == pytest.approx(0.44574, abs=1e-4)
    assert found.high == pytest.approx(4.55426, abs=1e-4)


def test_an_equal_model_holds_in_each_stratum() -> None:
    found = compare_margins(scores(yesterday), scores(yesterday), POLICY)
    assert found.passed
    assert [row.name for row in found.rows] == ["all items", *Stratum]
    assert all(row.change is not None and row.change.mean == 0.0 for row in found.rows)


def test_a_better_model_passes_with_its_gain_in_spreads() -> None:
    found = compare_margins(scores(yesterday), scores(lambda *at: yesterday(*at) + 0.5), POLICY)
    assert found.passed
    assert found.overall.change is not None
    assert found.overall.change.mean == pytest.approx(0.5 / found.unit_nats)


def test_a_worse_model_fails_and_the_sentence_names_where() -> None:
    found = compare_margins(scores(yesterday), scores(lambda *at: yesterday(*at) - 1.0), POLICY)
    assert not found.passed
    assert "all items" in found.sentence
    assert not found.overall.passed


def test_one_skill_lost_fails_though_the_whole_is_better() -> None:
    def one_sided(stratum: Stratum, number: int) -> float:
        return yesterday(stratum, number) + (-1.0 if stratum is Stratum.CODE else 0.5)

    found = compare_margins(scores(yesterday), scores(one_sided), POLICY)
    assert found.overall.passed
    assert [row.name for row in found.strata if not row.passed] == ["code"]
    assert not found.passed


def test_the_bounds_are_those_of_the_gate_where_yesterday_is_golden() -> None:
    before, now = scores(yesterday), scores(lambda stratum, number: yesterday(stratum, number) - 0.01 * (number % 7))
    verdict = judge(
        now,
        before,
        before,
        POLICY,
        candidate_hash="",
        scale=1.0,
        scored_on="",
        trained_parity=None,
        audit=SampleAudit(100),
    )
    rules = {rule.rule: rule.measured for rule in verdict.rules}
    found = compare_margins(before, now, POLICY)
    for name, row in zip(("margins", *Stratum), found.rows, strict=True):
        assert row.change is not None
        assert row.change.low == pytest.approx(rules[f"{name} against production"])


def test_a_critical_family_that_fell_over_fails_whatever_the_mean_says() -> None:
    def fallen(stratum: Stratum, number: int) -> float:
        return -0.01 if stratum is Stratum.SAFETY and number < 2 else yesterday(stratum, number) + 0.5

    found = compare_margins(scores(yesterday, critical=True), scores(fallen, critical=True), POLICY)
    assert found.flipped == ("safety-0",)
    assert all(row.passed for row in found.rows)
    assert not found.passed


def test_a_measurement_that_can_not_be_repeated_is_no_pass() -> None:
    for side in (scores(yesterday, rescored=0.01), replace(scores(yesterday), rescored=())):
        found = compare_margins(scores(yesterday), side, POLICY)
        assert not found.passed
        assert "again" in found.sentence or "second time" in found.sentence


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_pass(value: float) -> None:
    def broken(stratum: Stratum, number: int) -> float:
        return value if (stratum, number) == (Stratum.HONESTY, 7) else yesterday(stratum, number)

    for found in (
        compare_margins(scores(yesterday), scores(broken), POLICY),
        compare_margins(scores(broken), scores(yesterday), POLICY),
    ):
        _no_pass(found)


def test_without_items_or_with_others_there_is_no_pass() -> None:
    nothing = ModelScores("a-1", (), (), ())
    _no_pass(compare_margins(nothing, nothing, POLICY))
    fewer = scores(yesterday)
    _no_pass(compare_margins(scores(yesterday), replace(fewer, margins=fewer.margins[1:]), POLICY))


def _no_pass(found: MarginComparison) -> None:
    assert not found.passed
    assert "no data is not a pass" in found.sentence
