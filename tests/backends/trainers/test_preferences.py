"""What thumbs teach: the loss by hand, the plan, the gradient, and what a tiny real model makes of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.backends.trainers.contract import job
from tests.backends.trainers.sentences import night, preferences, sample
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.head_loss import loss_positions
from web4_agent.backends.trainers.lora_model import load_for_training
from web4_agent.backends.trainers.packing import TokenPreference, TokenSample, plan_preference_steps
from web4_agent.backends.trainers.preference_loss import backward_preferences, preference_loss, with_references
from web4_agent.backends.trainers.scoring import score
from web4_agent.backends.trainers.training_loop import job_fingerprint, train
from web4_agent.backends.trainers.worker_protocol import ScoreJob, decode_job, encode_job
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.ids import SampleId
from web4_agent.domain.samples import Preference
from web4_agent.domain.speech import Message
from web4_agent.domain.training import TrainedAdapter, TrainPolicy, TrainProgress

POLICY = TrainPolicy(rank=4, alpha=8, dropout=0.0)
Make = Callable[..., TrainJob]


@pytest.fixture
def make(base: Path, tmp_path: Path) -> Make:
    def made(name: str = "night", **policy: float) -> TrainJob:
        plain = replace(job(base, tmp_path / name), preferences=preferences(12, 8))
        chosen = {"preference_batch": 4, "learning_rate": 2e-3, **policy}
        return replace(plain, policy=replace(plain.policy, **chosen))  # type: ignore[arg-type] # fields by name

    return made


def _ignore(_: TrainProgress) -> None:
    return


def _weights(trained: TrainedAdapter) -> bytes:
    return (trained.folder / "adapter_model.safetensors").read_bytes()


def _preference(number: int, length: int, *, desirable: bool) -> TokenPreference:
    return TokenPreference(TokenSample(SampleId(f"p{number}"), tuple(range(length + 4)), 4), desirable)


def test_the_loss_is_the_one_that_trl_calls_apo_zero_unpaired() -> None:
    """By hand, with beta 0.1: 1 - sigmoid(0.1 * r) for answers people were for, sigmoid(0.1 * r) for the others."""
    ratios = torch.tensor([0.0, 2.0, -3.0, 0.0, 2.0, -3.0])
    desirable = torch.tensor([True, True, True, False, False, False])
    loss, _ = preference_loss(ratios, desirable, 0.1)
    assert loss.tolist() == pytest.approx([0.5, 0.4501660, 0.5744425, 0.5, 0.5498340, 0.4255575], abs=1e-6)


def test_the_slope_is_that_of_the_loss() -> None:
    ratios = torch.tensor([0.5, -7.0, 4.0, 30.0], requires_grad=True)
    desirable = torch.tensor([True, False, True, False])
    loss, slope = preference_loss(ratios, desirable, 0.2)
    loss.sum().backward()  # type: ignore[no-untyped-call] # torch leaves backward untyped
    assert ratios.grad is not None
    torch.testing.assert_close(slope.detach(), -ratios.grad)


def test_the_gradient_is_that_of_the_formula_written_out(base: Path) -> None:
    """Ours goes through the head in pieces; here the whole graph is kept, and torch differentiates it."""
    model = load_for_training(base, None, POLICY)
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    asked = [_preference(at, 5 + at, desirable=at % 3 > 0) for at in range(6)]
    (step,) = with_references(model, plan_preference_steps(asked, [_preference(9, 40, desirable=True).sample], POLICY))
    with torch.no_grad():
        for parameter in model.parameters.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    loss = backward_preferences(model, step, POLICY)
    found = {name: parameter.grad.clone() for name, parameter in model.parameters.items() if parameter.grad is not None}
    assert found
    for parameter in model.parameters.values():
        parameter.grad = None
    told = [each for pack in step.preferences for each in pack.preferences]
    total = torch.zeros(())
    for each in told:
        chosen, targets, _ = loss_positions([each.sample])
        logits = model.stack.hidden([each.sample.tokens], chosen) @ model.head_vd.T
        logp = torch.log_softmax(logits, -1).gather(1, targets[:, None]).sum()
        reward = 0.1 * (logp - each.reference)
        one = 1 - torch.sigmoid(reward) if each.desirable else torch.sigmoid(reward)
        total = total + each.sample.weight * one / len(told)
    total.backward()  # type: ignore[no-untyped-call] # torch leaves backward untyped
    assert loss == pytest.approx(float(total.detach()), abs=1e-5)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, model.parameters[name].grad, rtol=1e-3, atol=1e-6)


def test_at_least_half_of_a_steps_loss_tokens_are_replay() -> None:
    asked = [_preference(at, 7 + at % 5, desirable=at % 4 > 0) for at in range(30)]
    replay = [TokenSample(SampleId(f"s{at}"), tuple(range(20)), 10) for at in range(3)]
    steps = plan_preference_steps(asked, replay, POLICY)
    for step in steps:
        own = sum(sample.loss_tokens for pack in step.packs for sample in pack.samples)
        assert 2 * own >= step.loss_tokens
    taught = [each.sample.id for step in steps for pack in step.preferences for each in pack.preferences]
    assert sorted(taught) == sorted(each.sample.id for each in asked)


def test_a_step_has_both_kinds_and_several_answers_and_both_kinds_weigh_the_same() -> None:
    asked = [_preference(at, 6, desirable=at >= 20) for at in range(101)]
    steps = plan_preference_steps(asked, [_preference(200, 50, desirable=True).sample], POLICY)
    packs = [[each for pack in step.preferences for each in pack.preferences] for step in steps]
    assert all(1 < len(each) <= POLICY.preference_batch for each in packs)
    assert all({one.desirable for one in each} == {True, False} for each in packs)
    weight = {
        kind: sum(one.sample.weight for each in packs for one in each if one.desirable is kind)
        for kind in (True, False)
    }
    assert weight[True] == pytest.approx(weight[False])


def test_without_replay_nothing_is_taught() -> None:
    assert plan_preference_steps([_preference(1, 6, desirable=True)], [], POLICY) == ()


def _likelihoods(base: Path, adapter: Path | None, asked: tuple[Preference, ...]) -> list[float]:
    requests = tuple(ScoreRequest((Message("user", one.sample.prompt),), one.sample.target) for one in asked)
    return [one.mean for one in score(ScoreJob(base, adapter, requests))]


def test_answers_people_were_for_become_likelier_and_the_others_less_likely(base: Path, make: Make) -> None:
    """Apart from what replay does to both: the same job with the thumbs turned round is what it is held against."""
    asked = preferences(12, 8)
    turned = tuple(replace(one, desirable=not one.desirable) for one in asked)
    plain = train(make("as voted"), _ignore)
    other = train(replace(make("turned"), preferences=turned), _ignore)
    before = _likelihoods(base, plain.start, asked)
    after, against = _likelihoods(base, plain.folder, asked), _likelihoods(base, other.folder, asked)
    up = [new - old for one, new, old in zip(asked, after, against, strict=True) if one.desirable]
    down = [new - old for one, new, old in zip(asked, after, against, strict=True) if not one.desirable]
    assert min(up) > 0.0 > max(down)
    gained = [new - old for one, new, old in zip(asked, after, before, strict=True) if one.desirable]
    lost = [new - old for one, new, old in zip(asked, after, before, strict=True) if not one.desirable]
    assert sum(gained) / len(gained) > 0.0 > sum(lost) / len(lost)


def test_what_was_not_voted_on_hardly_moves(make: Make) -> None:
    """KL to the base on general text, in nats per token, after the step; it saturates where the thumbs are obeyed."""
    assert 0.0 <= train(make(preference_beta=0.3), _ignore).kl < 0.05


@pytest.mark.parametrize("step", [1, 2, 4])
def test_a_step_of_preferences_stopped_at_any_point_ends_in_the_bytes_of_one_that_was_not(
    make: Make, step: int
) -> None:
    class Stopped(Exception):
        """Stands for a process that dies."""

    def stop(progress: TrainProgress) -> None:
        if progress.step == step:
            raise Stopped

    whole = train(make("whole"), _ignore)
    assert whole.steps == 5
    with pytest.raises(Stopped):
        train(make("stopped"), stop)
    assert not make("stopped").out.exists()
    continued = train(make("stopped"), _ignore)
    assert continued.resumed_at_step == step // 2 * 2 - (2 if step % 2 == 0 else 0)
    assert _weights(continued) == _weights(whole)
    assert train(make("stopped"), _ignore) == continued


def test_a_rate_far_too_high_is_a_training_error_and_publishes_nothing(make: Make) -> None:
    with pytest.raises(TrainingError, match="not finite"):
        train(make(learning_rate=1e20), _ignore)
    assert not make().out.exists()


def test_other_thumbs_are_another_job_and_none_is_the_job_it_was(make: Make) -> None:
    asked = make()
    turned = replace(asked, preferences=tuple(replace(one, desirable=False) for one in asked.preferences))
    plain = replace(asked, preferences=())
    assert len({job_fingerprint(one) for one in (asked, turned, plain)}) == 3


def test_the_child_is_told_of_preferences_as_they_are(make: Make) -> None:
    assert decode_job(encode_job(make())) == make()


def test_an_answer_longer_than_a_sample_may_be_is_cut_and_one_without_room_left_out(base: Path, tmp_path: Path) -> None:
    crowded = Preference(sample(90, prompt="so long " * 200, target="no room"), desirable=True)
    long = Preference(sample(91, prompt="What?", target="word " * 400), desirable=False)
    plain = replace(job(base, tmp_path, samples=night()), preferences=(crowded, long))
    trained = train(plain, _ignore)
    assert trained.steps == 1
    with pytest.raises(TrainingError, match="no sample"):
        train(replace(plain, preferences=(crowded,), out=tmp_path / "other"), _ignore)
