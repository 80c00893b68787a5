"""A base in bfloat16 or in few bits: what is learnt stays float32, and the loss that of float32 but for rounding."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.backends.trainers.contract import job
from tests.backends.trainers.sentences import night
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.fast_layers import Layer, Masks, Norm, Projection, Rotation, forward_base_layer
from web4_agent.backends.trainers.fast_layers import forward_layer as forward
from web4_agent.backends.trainers.fast_stack import FastStack
from web4_agent.backends.trainers.head_loss import head_loss, log_probabilities
from web4_agent.backends.trainers.lora_model import LoraModel, load_for_training
from web4_agent.backends.trainers.packed_attention import Row
from web4_agent.backends.trainers.peft_folder import read_parameters
from web4_agent.backends.trainers.placement import ON_CPU, Placement
from web4_agent.backends.trainers.scoring import score
from web4_agent.backends.trainers.training_loop import job_fingerprint, train
from web4_agent.backends.trainers.worker_protocol import ScoreJob
from web4_agent.domain.training import TrainPolicy

HALF = Placement(torch.device("cpu"), torch.bfloat16)
POLICY = TrainPolicy(rank=4, alpha=8, dropout=0.0)
SAMPLES = [[5, 6, 7, 8, 9], list(range(20, 60)), [3]]
CHOSEN = torch.arange(46)


def _changed(base: Path, placement: Placement, *, fast: bool = True) -> LoraModel:
    """With an adapter that changes something, equal for all placements."""
    model = load_for_training(base, None, POLICY, placement, fast=fast)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters.values():
            parameter.copy_(0.1 * torch.randn_like(parameter))
    return model


def _gradients(model: LoraModel) -> Tensor:
    torch.manual_seed(6)
    hidden = model.stack.hidden(SAMPLES, CHOSEN)
    hidden.backward(torch.randn(len(CHOSEN), 64).to(hidden.dtype))  # type: ignore[no-untyped-call] # torch's own
    grads = [each.grad for each in model.parameters.values()]
    assert all(grad is not None and grad.dtype is torch.float32 for grad in grads)
    return torch.cat([grad.flatten() for grad in grads if grad is not None])


def test_only_the_base_is_bfloat16(base: Path) -> None:
    model = _changed(base, HALF)
    assert isinstance(model.stack, FastStack)
    assert model.head_vd.dtype is torch.bfloat16
    assert {each.dtype for each in model.parameters.values()} == {torch.float32}
    assert model.stack.hidden(SAMPLES, CHOSEN).dtype is torch.bfloat16


@pytest.mark.parametrize("model", ["base", "qwen_base"])
def test_hidden_states_and_gradients_in_bfloat16_are_those_of_float32_but_for_rounding(
    model: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(model)
    exact, half, reference = _changed(folder, ON_CPU), _changed(folder, HALF), _changed(folder, HALF, fast=False)
    wanted, found, theirs = (each.stack.hidden(SAMPLES, CHOSEN).detach().float() for each in (exact, half, reference))
    assert _off(found, wanted) < 0.02
    assert _off(found, wanted) < 1.5 * _off(theirs, wanted)  # no worse than transformers and PEFT in bfloat16
    gradients, exact_gradients = _gradients(half), _gradients(exact)
    assert float(torch.cosine_similarity(gradients, exact_gradients, dim=0)) > 0.999


def _off(found: Tensor, wanted: Tensor) -> float:
    """Root mean square of the difference, of that of what is wanted."""
    return float((found - wanted).norm() / wanted.norm())


def test_a_night_in_bfloat16_learns_as_in_float32_and_saves_float32(base: Path, tmp_path: Path) -> None:
    losses = {}
    for placement in (ON_CPU, HALF):
        asked = job(base, tmp_path / str(placement.dtype), samples=night()[::2])
        asked = replace(asked, policy=replace(asked.policy, learning_rate=1e-2, epochs=3))
        trained = train(asked, lambda _: None, placement)
        losses[placement.dtype] = (trained.first_loss, trained.last_loss, trained.kl)
        assert {str(array.dtype) for array in read_parameters(trained.folder).values()} == {"float32"}
    assert losses[torch.bfloat16] == pytest.approx(losses[torch.float32], rel=0.02, abs=2e-3)
    assert losses[torch.bfloat16][1] < losses[torch.bfloat16][0] - 0.1
    assert losses[torch.bfloat16] != losses[torch.float32]


def test_steps_too_small_for_bfloat16_are_kept_in_what_is_learnt(base: Path, tmp_path: Path) -> None:
    """At a rate of 1e-6 a step is far below the spacing of bfloat16, where it would be rounded away."""
    asked = job(base, tmp_path, samples=night()[:4])
    trained = train(replace(asked, policy=replace(asked.policy, learning_rate=1e-6, epochs=4)), lambda _: None, HALF)
    start, end = read_parameters(trained.start), read_parameters(trained.folder)
    moved = [name for name in end if (start[name] != end[name]).any()]
    assert len(moved) == len(end)


def test_scores_in_bfloat16_are_those_of_float32_but_for_rounding(base: Path) -> None:
    requests = (ScoreRequest((), "The server was restarted.", top=2), ScoreRequest((), "The cache was cold."))
    exact, half = (score(ScoreJob(base, None, requests), placement) for placement in (ON_CPU, HALF))
    assert [each.mean for each in half] == pytest.approx([each.mean for each in exact], abs=0.02)


def test_losses_and_likelihoods_are_summed_in_float32() -> None:
    torch.manual_seed(2)
    hidden, head = torch.randn(300, 16).bfloat16(), torch.randn(40, 16).bfloat16()
    targets, scale = torch.arange(300) % 40, torch.full((300,), 1 / 300)
    found = head_loss(hidden, head, targets, scale)
    logp = torch.log_softmax((hidden @ head.T).float(), -1).gather(1, targets[:, None])[:, 0]
    assert found.nll == pytest.approx(-float(logp.mean()), abs=1e-4)
    assert found.gradient_nd.dtype is torch.bfloat16
    assert log_probabilities(hidden, head, targets, 1)[0] == pytest.approx(logp.tolist(), abs=1e-5)


def test_another_precision_is_another_job_and_the_default_is_the_job_it_was(base: Path, tmp_path: Path) -> None:
    asked = job(base, tmp_path)
    assert job_fingerprint(asked) == job_fingerprint(asked, ON_CPU)
    others = [HALF, Placement(torch.device("cpu"), torch.float32, 4), Placement(torch.device("meta"))]
    assert len({job_fingerprint(asked, placement) for placement in (ON_CPU, *others)}) == 4


class ScriptedBits:
    """Values of a matrix in sixteenths, kept as whole numbers and written out when they are read."""

    def __init__(self, weight_oi: Tensor) -> None:
        self._sixteenths = (weight_oi * 16).round().to(torch.int8)
        self.written = 0

    @property
    def shape(self) -> torch.Size:
        return self._sixteenths.shape

    def dense(self, dtype: torch.dtype) -> Tensor:
        self.written += 1
        return self._sixteenths.to(dtype) / 16


def test_a_layer_in_few_bits_is_the_layer_of_the_values_they_stand_for() -> None:
    torch.manual_seed(8)
    drawn = {name: torch.randn(outputs, inputs) for name, (outputs, inputs) in SHAPES.items()}
    learned = {name: (0.3 * torch.randn(2, i), 0.3 * torch.randn(o, 2)) for name, (o, i) in SHAPES.items()}
    bits = {name: ScriptedBits(weight) for name, weight in drawn.items()}
    x, rotation = torch.randn(7, 8), Rotation(torch.rand(7, 1, 2), torch.rand(7, 1, 2))
    results = [
        _through(_layer(learned, weight), x, rotation)
        for weight in (lambda name: bits[name], lambda name: bits[name].dense(torch.float32))
    ]
    for few, full in zip(*results, strict=True):
        assert torch.equal(few, full)
    assert all(each.written == 4 for each in bits.values())  # adapted, base alone, backward; and above for the other


SHAPES = {"query": (8, 8), "key": (4, 8), "value": (4, 8), "output": (8, 8)}
SHAPES |= {"gate": (12, 8), "up": (12, 8), "down": (8, 12)}


def _layer(learned: dict[str, tuple[Tensor, Tensor]], weight: Callable[[str], Tensor | ScriptedBits]) -> Layer:
    norm = Norm(torch.ones(8), 1e-5)
    made = {
        name: Projection(weight(name), None, a.clone().requires_grad_(), b.clone().requires_grad_(), 0.5)
        for name, (a, b) in learned.items()
    }
    return Layer(attention_norm=norm, mlp_norm=norm, head_width=4, **made)


def _through(layer: Layer, x: Tensor, rotation: Rotation) -> list[Tensor]:
    """What comes out with the adapter and without, and all gradients."""
    rows, x = [Row(3), Row(4)], x.clone().requires_grad_()
    out = forward(x, layer, rows, rotation, Masks())
    with torch.no_grad():
        plain = forward_base_layer(x, layer, rows, rotation)
    out.sum().backward()  # type: ignore[no-untyped-call] # torch's own
    grads = [getattr(layer, name).a_ri.grad for name in SHAPES] + [getattr(layer, name).b_or.grad for name in SHAPES]
    assert x.grad is not None
    return [out.detach(), plain, x.grad, *grads]
