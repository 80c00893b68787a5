"""Scores, their intervals, and the gates."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.steps.harnesses.answering import HARNESSES, harness
from web4_agent.domain.evaluations import Acceptance, HarnessScore, ItemResult
from web4_agent.steps.harnesses import judge, overall, score


def results(name: str, failed: int = 0, *, positive: bool | None = None) -> list[ItemResult]:
    """Of all items; the first `failed` (of those that are `positive`, where that matters) fail."""
    found, left = [], failed
    for item in harness(name).items:
        fails = left > 0 and item.positive is positive
        left -= fails
        found.append(ItemResult(item.id, not fails, "p", "a", "r" if fails else "", item.positive))
    return found


def scored(name: str, failed: int = 0, *, positive: bool | None = None) -> HarnessScore:
    return score(harness(name), results(name, failed, positive=positive))


def test_a_rate_carries_wilsons_interval_and_its_n() -> None:
    found = scored("tron", 2)
    assert (found.asked, found.passed, found.value) == (20, 18, 0.9)
    assert found.low == pytest.approx(0.699, abs=0.001)
    assert found.high == pytest.approx(0.972, abs=0.001)


@pytest.mark.parametrize(
    ("missed", "wrong", "f1"), [(0, 0, 1.0), (1, 0, 78 / 79), (0, 1, 80 / 81), (2, 0, 76 / 78), (40, 0, 0.0)]
)
def test_f1_is_that_of_refusing(missed: int, wrong: int, f1: float) -> None:
    both = zip(results("refusal", missed, positive=True), results("refusal", wrong, positive=False), strict=True)
    merged = [replace(one, passed=one.passed and other.passed) for one, other in both]
    found = score(harness("refusal"), merged)
    assert found.value == pytest.approx(f1)
    assert found.low <= found.value <= found.high
    assert found.cleared is (f1 >= 0.98)


def test_the_limit_itself_is_cleared() -> None:
    assert scored("pdca-schema", 1).cleared
    assert not scored("pdca-schema", 2).cleared
    assert scored("tron", 2).cleared
    assert not scored("tron", 3).cleared


def test_what_blocks_counts_twice_in_the_overall_score() -> None:
    whole = [scored(one.name) for one in HARNESSES]
    assert overall(whole).value == 1.0
    without_ship = [replace(one, value=0.0, low=0.0) if one.harness == "pdca-schema" else one for one in whole]
    without_quality = [replace(one, value=0.0, low=0.0) if one.harness == "tron" else one for one in whole]
    assert overall(without_ship).value == pytest.approx(1 - 2 / 13)
    assert overall(without_quality).value == pytest.approx(1 - 1 / 13)
    assert not overall(without_ship).cleared
    assert overall(without_quality).cleared


def test_the_overall_interval_is_narrower_than_its_parts_and_holds_the_score() -> None:
    parts = [scored(one.name, 4) if one.name != "refusal" else scored("refusal") for one in HARNESSES]
    found = overall(parts)
    assert found.low < found.value < found.high
    assert found.high - found.low < min(one.high - one.low for one in parts if one.harness != "refusal")


def test_reasons_help_the_gate_they_are_for_and_no_ship_gate() -> None:
    bad = [scored("tron", 9), scored("cmm", 9), scored("constructor", 9)]
    at = datetime(2026, 3, 2, tzinfo=UTC)
    reasons = [Acceptance("e", name, "lena", "because", at) for name in ("tron", "constructor")]
    assert [one.passed for one in judge(bad)] == [False, False, False]
    assert [one.passed for one in judge(bad, reasons)] == [True, False, False]
    assert "accepted by lena, 2026-03-02: because" in judge(bad, reasons)[0].sentence


def test_f1_is_written_as_f1() -> None:
    assert judge([scored("refusal", 2, positive=True)])[0].sentence == "F1 0.974 against 0.980: blocks"


def test_a_score_that_is_not_sure_says_so() -> None:
    assert "20 items are too few to be sure of it" in judge([scored("tron")])[0].sentence
    sure = replace(scored("tron"), low=0.95)
    assert judge([sure])[0].sentence == "pass rate 100.0% against 90.0%: cleared"
