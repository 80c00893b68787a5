"""The test behind the alarms: how often it fires on good versions, and how soon on bad ones. By simulation."""

import math

import numpy as np
import pytest

from tests.steps.watch.simulated import counts, path, probations, tolerated
from web4_agent.domain.probation import Count, ProbationPolicy, Sign
from web4_agent.steps.watch.evidence import STEPS, evidence, findings, limit

POLICY = ProbationPolicy()
RUNS = 1_000
REQUESTS = 1_000


def test_nothing_counted_is_no_evidence() -> None:
    assert evidence(Count(), 0.02) == pytest.approx(1.0)


def test_the_simulation_uses_the_same_evidence_as_the_product() -> None:
    rng = np.random.default_rng(1)
    trials = np.arange(1, 200, dtype=np.int64)
    events = np.cumsum(rng.random(199) < 0.1, dtype=np.int64)
    mine = [math.log(evidence(count, 0.03)) for count in counts(events, trials)]
    assert np.allclose(mine, path(events, trials, 0.03))


@pytest.mark.parametrize("expected", [0.001, 0.02, 0.3])
def test_a_bet_is_fair_at_the_tolerated_rate_and_loses_below_it(expected: float) -> None:
    """The expectation of one answer's factor, exactly: that is what makes looking at any time allowed."""
    for rate in (expected, expected / 2, 0.0):
        for step in STEPS:
            bet = expected + step * (1 - expected)
            factor = rate * bet / expected + (1 - rate) * (1 - bet) / (1 - expected)
            assert factor <= 1 + 1e-12
    mean = expected * evidence(Count(1, 1), expected) + (1 - expected) * evidence(Count(0, 1), expected)
    assert mean == pytest.approx(1.0)


@pytest.mark.parametrize("usual", [0.0, 0.01, 0.05, 0.2])
def test_good_versions_alarm_in_fewer_probations_than_alpha_says(usual: float) -> None:
    rng = np.random.default_rng(7)
    expected = np.array([tolerated(usual, 1_000, POLICY.margin, rng) for _ in range(RUNS)])
    found = probations(rng, REQUESTS, usual, expected, POLICY)
    assert found.alarmed <= POLICY.alpha / len(Sign) + 1e-9, found


def test_even_exactly_at_the_tolerated_rate_all_signs_together_stay_below_alpha() -> None:
    """The worst case that the claim allows; each sign has a share of alpha, so that the six of them have all of it."""
    rng = np.random.default_rng(11)
    found = probations(rng, REQUESTS, 0.02, np.full(4_000, 0.02), POLICY)
    assert found.alarmed <= POLICY.alpha / len(Sign) + 3 * math.sqrt(POLICY.alpha / len(Sign) / 4_000), found


@pytest.mark.parametrize(("times", "most_mean"), [(5, 700), (10, 150), (50, 16)])
def test_bad_versions_alarm_soon(times: int, most_mean: float) -> None:
    rng = np.random.default_rng(5)
    expected = np.array([tolerated(0.01, 1_000, POLICY.margin, rng) for _ in range(300)])
    found = probations(rng, 4_000, 0.01 * times, expected, POLICY)
    assert found.alarmed == 1.0
    assert found.mean < most_mean, found


def test_a_test_that_never_looks_away_needs_its_limit() -> None:
    """The same versions against a limit that is right for one look alone: it would fire far too often."""
    rng = np.random.default_rng(3)
    lax = ProbationPolicy(alpha=0.3 * len(Sign), minimum_events=0)  # 1/0.3 where 600 is the limit
    found = probations(rng, REQUESTS, 0.02, np.full(RUNS, 0.02), lax)
    assert found.alarmed > 10 * POLICY.alpha


def test_few_events_are_no_alarm_however_unlikely() -> None:
    seen = {Sign.ERROR: Count(4, 4), Sign.EMPTY: Count(5, 5)}
    found = findings(seen, {}, dict.fromkeys(seen, 0.02), POLICY)
    assert [one.alarm for one in found] == [False, True]
    assert all(one.evidence > limit(POLICY) for one in found)
    assert "5 of 5" in found[1].sentence


def test_a_sign_that_nothing_is_expected_of_is_not_tested() -> None:
    assert findings({Sign.SLOW: Count(9, 9)}, {}, {}, POLICY) == ()


def test_evidence_beyond_all_numbers_stays_a_number() -> None:
    assert math.isfinite(evidence(Count(10_000, 10_000), 0.02))
