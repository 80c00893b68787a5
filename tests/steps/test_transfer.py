"""The figures of continual learning, against ones worked out by hand."""

import pytest

from web4_agent.steps.transfer import transfer

BASE = [0.0, 0.0, 0.0]
SCORES = [[0.8, 0.1, 0.0], [0.6, 0.9, 0.2], [0.5, 0.7, 1.0]]
JOINT = [0.9, 0.9, 1.0]


def test_each_figure_is_that_of_its_definition() -> None:
    found = transfer(SCORES, BASE, JOINT)
    assert found.average == pytest.approx((0.5 + 0.7 + 1.0) / 3)
    assert found.own == pytest.approx((0.8 + 0.9 + 1.0) / 3)
    assert found.backward == pytest.approx((-0.3 - 0.2) / 2)
    assert found.forward == pytest.approx((0.1 + 0.2) / 2)
    assert found.forgetting == pytest.approx((0.3 + 0.2) / 2)
    assert found.worst == pytest.approx(0.3)
    assert found.joint_ratio == pytest.approx((2.2 / 3) / (2.8 / 3))
    assert found.intransigence == pytest.approx((0.1 + 0.0 + 0.0) / 3)


def test_forgetting_is_measured_from_the_best_night_and_is_never_negative() -> None:
    rising = transfer([[0.1, 0.0], [0.5, 0.4]], [0.0, 0.0])
    assert rising.forgetting == 0.0
    assert rising.backward == pytest.approx(0.4)
    peaked = transfer([[0.1, 0, 0], [0.9, 0.5, 0], [0.4, 0.5, 0.5]], BASE)
    assert peaked.worst == pytest.approx(0.5)


def test_one_night_has_no_figure_that_needs_two() -> None:
    found = transfer([[0.4]], [0.1])
    assert (found.backward, found.forward, found.forgetting, found.joint_ratio) == (None, None, None, None)
    assert found.average == 0.4


def test_joint_training_that_gains_nothing_gives_no_ratio() -> None:
    assert transfer([[0.4]], [0.1], [0.1]).joint_ratio is None


@pytest.mark.parametrize("scores", [[], [[0.1, 0.2]], [[0.1, 0.2], [0.3]]])
def test_a_matrix_that_is_not_square_is_refused(scores: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="square"):
        transfer(scores, [0.0, 0.0])
