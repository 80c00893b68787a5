import pytest

from web4_agent.domain.verdicts import GatePolicy
from web4_agent.steps.judging.statistics import lower_bound, margin_unit, points_to_tau, simulate_error_rates


def test_the_lower_bound_is_that_of_students_t() -> None:
    assert lower_bound([1.0, 2.0, 3.0, 4.0], 0.05) == pytest.approx(2.5 - 2.3534 * 1.29099 / 2, abs=1e-3)


def test_the_lower_bound_of_values_that_do_not_vary_is_their_mean() -> None:
    assert lower_bound([0.3, 0.3, 0.3], 0.01) == 0.3


def test_the_unit_of_margins_never_vanishes() -> None:
    assert margin_unit([1.0, 1.0, 1.0]) > 0
    assert margin_unit([0.0, 2.0]) == pytest.approx(1.41421, abs=1e-4)


@pytest.mark.parametrize(("points", "tau"), [(2, 0.107), (5, 0.245), (10, 0.44)])
def test_points_of_a_pass_rate_are_turned_into_tau(points: float, tau: float) -> None:
    assert points_to_tau(points) == pytest.approx(tau, abs=0.002)


def test_with_200_items_the_rules_seldom_err() -> None:
    """At 0.2 τ, the most that a stratum of the default model was found to move by in a harmless night."""
    harmless, two, five = simulate_error_rates(GatePolicy(), items=200, spread=0.2)
    assert harmless.rejected <= 0.02
    assert two.promoted <= 0.05
    assert five.promoted <= 0.001


def test_with_20_items_the_rules_are_useless() -> None:
    harmless, *_ = simulate_error_rates(GatePolicy(), items=20, spread=0.3, nights=500)
    assert harmless.rejected > 0.4


def test_a_simulation_is_repeatable() -> None:
    first, again = (simulate_error_rates(GatePolicy(), items=100, spread=0.2, nights=200) for _ in range(2))
    assert first == again
