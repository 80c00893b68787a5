"""The router against labelled queries: a half it was built on, one that nobody read meanwhile, and hard ones."""

from pathlib import Path

import pytest

from tests.steps.route_labels import Outcome, confusion, outcome

PAGE = Path(__file__).resolve().parents[2] / "docs" / "routing.md"

LEAST = {"development": 0.97, "held_out": 0.95, "hard": 0.97}
LEAST_TIERS = 0.90
MOST_US = 5_000
"""A decision takes a fifth of a millisecond; the limit holds on a machine that does ten other things."""


@pytest.fixture(scope="module", params=LEAST)
def judged(request: pytest.FixtureRequest) -> tuple[str, Outcome]:
    return request.param, outcome(request.param)


def test_the_route_is_right(judged: tuple[str, Outcome]) -> None:
    half, found = judged
    assert found.accuracy >= LEAST[half], f"{half}: {found.accuracy:.1%}"


def test_the_tier_is_right(judged: tuple[str, Outcome]) -> None:
    half, found = judged
    assert half == "hard" or found.tier_accuracy >= LEAST_TIERS, f"{half}: {found.tier_accuracy:.1%}"


def test_days_and_agents_are_right(judged: tuple[str, Outcome]) -> None:
    half, found = judged
    for name in ("start", "end", "agent"):
        right, wrong = found.fields[name, True], found.fields[name, False]
        assert right >= 0.9 * (right + wrong), f"{half}: {name} {right} right, {wrong} wrong"


def test_a_decision_is_cheap(judged: tuple[str, Outcome]) -> None:
    _, found = judged
    assert found.percentile_us(0.95) < MOST_US


def test_the_page_shows_the_table_as_it_is() -> None:
    assert confusion(outcome("held_out")) in PAGE.read_text(encoding="utf-8")
