"""Samples become steps and packs without padding, in a repeatable order."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web4_agent.backends.trainers.packing import TokenSample, pack, plan_steps, rate_factor
from web4_agent.domain.ids import SampleId
from web4_agent.domain.training import TrainPolicy

LENGTHS = st.lists(st.integers(2, 300), min_size=0, max_size=40)


def _samples(lengths: list[int], *, general_every: int = 0) -> list[TokenSample]:
    return [
        TokenSample(
            SampleId(str(number)), tuple(range(length)), 1, general=bool(general_every and number % general_every == 0)
        )
        for number, length in enumerate(lengths)
    ]


def _ids(steps: tuple[object, ...]) -> list[str]:
    return [sample.id for step in steps for each in step.packs for sample in each.samples]  # type: ignore[attr-defined] # steps of any plan


@given(LENGTHS)
def test_packing_keeps_every_sample_once_and_no_pack_passes_the_limit(lengths: list[int]) -> None:
    packs = pack(_samples(lengths), 256)
    limit = max([256, *lengths])
    assert sorted(int(sample.id) for each in packs for sample in each.samples) == list(range(len(lengths)))
    assert all(0 < each.tokens <= limit for each in packs)


def test_packs_are_filled_evenly() -> None:
    sizes = [each.tokens for each in pack(_samples([100] * 12), 500)]
    assert sizes == [400, 400, 400]


def test_a_step_takes_whole_samples_until_it_holds_the_tokens_it_should() -> None:
    steps = plan_steps(_samples([100] * 10), TrainPolicy(tokens_per_step=250))
    assert [step.tokens for step in steps] == [300, 300, 300, 100]


def test_each_epoch_sees_every_sample_once_in_an_order_of_its_own() -> None:
    steps = plan_steps(_samples([50] * 30), TrainPolicy(tokens_per_step=50, epochs=2))
    first, second = _ids(steps[:30]), _ids(steps[30:])
    assert Counter(first) == Counter(second)
    assert first != second


def test_the_order_follows_from_the_seed() -> None:
    samples = _samples([50] * 30)
    orders = [_ids(plan_steps(samples, TrainPolicy(tokens_per_step=50, seed=seed))) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_the_night_ends_before_the_sample_that_would_pass_the_token_cap() -> None:
    steps = plan_steps(_samples([100] * 10), TrainPolicy(epochs=3, max_tokens=1_250, tokens_per_step=500))
    assert sum(step.tokens for step in steps) == 1_200


def test_a_night_with_one_sample_above_the_cap_still_learns_it() -> None:
    assert sum(step.tokens for step in plan_steps(_samples([100]), TrainPolicy(max_tokens=10))) == 100


def test_general_samples_share_packs_with_their_own_kind_only() -> None:
    (step,) = plan_steps(_samples([50] * 12, general_every=3), TrainPolicy())
    assert {(each.general, len({sample.general for sample in each.samples})) for each in step.packs} == {
        (True, 1),
        (False, 1),
    }
    assert step.general_loss_tokens == 4 * 49


def test_samples_that_can_teach_nothing_are_left_out() -> None:
    silent = TokenSample(SampleId("silent"), (1, 2, 3), 3)
    weightless = TokenSample(SampleId("weightless"), (1, 2, 3), 1, weight=0.0)
    assert plan_steps([silent, weightless], TrainPolicy()) == ()


def test_a_weight_counts_for_each_loss_token() -> None:
    (step,) = plan_steps([TokenSample(SampleId("a"), (1, 2, 3, 4), 2, weight=2.5)], TrainPolicy())
    assert (step.loss_tokens, step.loss_weight) == (2, 5.0)


def test_the_rate_warms_up_for_three_steps_and_decays_to_a_tenth() -> None:
    factors = [rate_factor(step, 20, TrainPolicy()) for step in range(20)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert all(earlier > later for earlier, later in pairwise(factors[3:]))
    assert abs(factors[-1] - 0.1) < 1e-12


def test_a_night_of_few_steps_warms_up_for_a_quarter_of_them_at_most() -> None:
    assert [rate_factor(step, 4, TrainPolicy()) for step in range(2)] == [0.5, 1.0]
    assert rate_factor(0, 1, TrainPolicy()) == 1.0


def test_a_short_night_goes_at_a_lower_rate_and_a_long_one_at_the_whole() -> None:
    policy = TrainPolicy(full_rate_steps=16)
    assert max(rate_factor(step, 4, policy) for step in range(4)) == pytest.approx(0.5)
    assert rate_factor(0, 1, policy) == pytest.approx(0.25)
    assert [rate_factor(step, 20, policy) for step in range(20)] == [
        rate_factor(step, 20, TrainPolicy()) for step in range(20)
    ]
