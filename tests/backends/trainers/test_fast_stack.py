"""The fast stack computes what transformers and PEFT compute, packed or not, forward and backward."""

from pathlib import Path

import numpy as np
import pytest
import torch

from web4_agent.backends.trainers import fast_stack
from web4_agent.backends.trainers.fast_layers import Layer, Masks, Norm, Projection, Rotation, forward_layer
from web4_agent.backends.trainers.fast_stack import FastStack, supports
from web4_agent.backends.trainers.lora_model import LoraModel, ReferenceStack, load_for_training
from web4_agent.backends.trainers.packed_attention import Row
from web4_agent.domain.training import TrainPolicy

SAMPLES = [[5, 6, 7, 8, 9], [10, 11, 12], list(range(20, 60)), [3]]
CHOSEN = torch.tensor([0, 4, 5, 7, 20, 30, 47, 48])
POLICY = TrainPolicy(rank=4, alpha=8, dropout=0.0)
ROWS = [Row(3), Row(2, (1, 1))]


@pytest.fixture(params=["base", "qwen_base"], scope="module")
def models(request: pytest.FixtureRequest) -> tuple[LoraModel, LoraModel]:
    """(reference, fast) with the same adapter, which changes something: its B matrices are not zero."""
    folder: Path = request.getfixturevalue(request.param)
    reference, fast = (load_for_training(folder, None, POLICY, fast=quick) for quick in (False, True))
    assert isinstance(reference.stack, ReferenceStack)
    assert isinstance(fast.stack, FastStack)
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in reference.parameters.items():
            parameter.add_(0.1 * torch.randn_like(parameter))
            fast.parameters[name].copy_(parameter)
    return reference, fast


def test_hidden_states_of_a_pack_equal_those_of_each_sample_alone(models: tuple[LoraModel, LoraModel]) -> None:
    reference, fast = (model.stack.hidden(SAMPLES, CHOSEN).detach() for model in models)
    torch.testing.assert_close(fast, reference, rtol=1e-5, atol=1e-5)


def test_branches_see_their_beginning_and_not_one_another(models: tuple[LoraModel, LoraModel]) -> None:
    beginning, branches = [5, 6, 7], [[8, 9], [10], [11, 12, 13]]
    row = Row(3, tuple(map(len, branches)))
    whole = [[*beginning, *(token for branch in branches for token in branch)]]
    alone = [[*beginning, *branch] for branch in branches]
    for model in models:
        found = model.stack.hidden(whole, torch.arange(9), rows=[row]).detach()
        wanted = model.stack.hidden(alone, torch.tensor([0, 1, 2, 3, 4, 8, 12, 13, 14])).detach()
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_logits_of_a_pack_equal_those_of_each_sample_alone(models: tuple[LoraModel, LoraModel]) -> None:
    reference, fast = (model.stack.hidden(SAMPLES, CHOSEN).detach() @ model.head_vd.T for model in models)
    torch.testing.assert_close(fast, reference, rtol=1e-5, atol=1e-5)


def test_the_base_model_is_reached_with_the_adapter_off(models: tuple[LoraModel, LoraModel]) -> None:
    with torch.no_grad():
        off = [model.stack.hidden(SAMPLES, CHOSEN, adapted=False) for model in models]
        on = models[1].stack.hidden(SAMPLES, CHOSEN)
    torch.testing.assert_close(off[1], off[0], rtol=1e-5, atol=1e-5)
    assert float((on - off[1]).abs().max()) > 0.01


def test_gradients_of_every_lora_parameter_are_equal(models: tuple[LoraModel, LoraModel]) -> None:
    torch.manual_seed(6)
    direction = torch.randn(len(CHOSEN), 64)
    for model in models:
        for parameter in model.parameters.values():
            parameter.grad = None
        model.stack.hidden(SAMPLES, CHOSEN).backward(direction)  # type: ignore[no-untyped-call] # torch's own
    reference, fast = ({name: each.grad for name, each in model.parameters.items()} for model in models)
    assert reference.keys() == fast.keys()
    assert len(fast) == 2 * 7 * 2
    for name, gradient in reference.items():
        torch.testing.assert_close(fast[name], gradient, rtol=1e-4, atol=1e-4)


def test_the_written_out_backward_pass_is_the_derivative_of_the_forward_pass_with_dropout() -> None:
    torch.manual_seed(8)
    layer, masks = _tiny_layer(), Masks(*(_mask(7, width) for width in (8, 8, 8, 12)))
    rotation = Rotation(torch.rand(7, 1, 2, dtype=torch.float64), torch.rand(7, 1, 2, dtype=torch.float64))
    learned = [getattr(getattr(layer, name), part) for name in PROJECTIONS for part in ("a_ri", "b_or")]
    x = torch.randn(7, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: forward_layer(x, layer, ROWS, rotation, masks), (x, *learned))


def test_equal_seeds_drop_the_same_and_others_do_not(base: Path) -> None:
    stack = load_for_training(base, None, TrainPolicy(rank=4, alpha=8, dropout=0.5)).stack
    assert isinstance(stack, FastStack)
    drawn = [list(stack._masks(torch.zeros(9, 64), seed)) for seed in (1, 1, 2)]
    first, again, other = (torch.cat([mask.mlp.flatten() for mask in masks if mask.mlp is not None]) for masks in drawn)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_dropout_drops_its_share_and_keeps_the_mean(base: Path) -> None:
    stack = load_for_training(base, None, TrainPolicy(rank=4, alpha=8, dropout=0.05)).stack
    assert isinstance(stack, FastStack)
    mask = next(stack._masks(torch.zeros(400, 64), 3)).down
    assert mask is not None
    assert float((mask == 0).float().mean()) == pytest.approx(0.05, abs=0.005)
    assert float(mask.mean()) == pytest.approx(1.0, abs=0.005)


def test_architectures_it_does_not_know_are_left_to_the_reference() -> None:
    from transformers import GPT2Config, LlamaConfig

    assert supports(LlamaConfig())
    assert not supports(GPT2Config())
    assert not supports(LlamaConfig(hidden_act="gelu"))


PROJECTIONS = ("query", "key", "value", "output", "gate", "up", "down")


def _tiny_layer() -> Layer:
    """Width 8, two query heads of width 4 over one key head, feed-forward width 12, rank 2, in double precision."""
    shapes = {"query": (8, 8), "key": (4, 8), "value": (4, 8), "output": (8, 8)}
    shapes |= {"gate": (12, 8), "up": (12, 8), "down": (8, 12)}
    made = {name: _projection(*shape) for name, shape in shapes.items()}
    return Layer(attention_norm=_norm(), mlp_norm=_norm(), head_width=4, **made)


def _projection(outputs: int, inputs: int) -> Projection:
    def draw(*shape: int, learned: bool = False) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=learned)

    return Projection(
        draw(outputs, inputs), draw(outputs), draw(2, inputs, learned=True), draw(outputs, 2, learned=True), 0.5
    )


def _norm() -> Norm:
    return Norm(torch.rand(8, dtype=torch.float64) + 0.5, 1e-5)


def _mask(tokens: int, width: int) -> torch.Tensor:
    return (torch.rand(tokens, width) > 0.3).double() / 0.7


@pytest.mark.parametrize("every", [1, 64])
def test_windows_of_the_mask_pool_begin_where_they_may_and_reach_its_end(every: int) -> None:
    pool, draw = torch.arange(400), np.random.default_rng(3)
    starts = {int(fast_stack._window(pool, draw, 3, 5, every)[0, 0]) for _ in range(4_000)}
    assert starts == set(range(0, 385, every))
