"""The fast layers over a base in four bits, held against transformers and PEFT over the same. Run as a program."""

import sys
from pathlib import Path

import torch

from web4_agent.backends.trainers.fast_stack import FastStack
from web4_agent.backends.trainers.lora_model import LoraModel, ReferenceStack, load_for_training
from web4_agent.backends.trainers.placement import Placement
from web4_agent.domain.training import TrainPolicy

SAMPLES = [[5, 6, 7, 8, 9], [10, 11, 12], list(range(20, 60)), [3]]
CHOSEN = torch.tensor([0, 4, 5, 7, 20, 30, 47, 48])


def main(base: Path) -> None:
    placement = Placement(torch.device("cpu"), base_bits=4)
    policy = TrainPolicy(rank=4, alpha=8, dropout=0.0)
    reference, fast = (load_for_training(base, None, policy, placement, fast=quick) for quick in (False, True))
    assert isinstance(reference.stack, ReferenceStack)
    assert isinstance(fast.stack, FastStack)
    assert {str(layer.gate.weight_oi.shape) for layer in fast.stack._layers} == {"torch.Size([96, 64])"}
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in reference.parameters.items():
            parameter.copy_(0.1 * torch.randn_like(parameter))
            fast.parameters[name].copy_(parameter)
    wanted, found = (_results(model) for model in (reference, fast))
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4)


def _results(model: LoraModel) -> dict[str, torch.Tensor]:
    """Hidden states, and the gradient of each parameter. With dropout's seed, for PEFT to be in training mode."""
    direction = torch.linspace(-1.0, 1.0, len(CHOSEN) * 64).view(-1, 64)
    hidden = model.stack.hidden(SAMPLES, CHOSEN, dropout_seed=1)
    hidden.backward(direction)  # type: ignore[no-untyped-call] # torch's own
    grads = {name: each.grad for name, each in model.parameters.items() if each.grad is not None}
    assert grads.keys() == model.parameters.keys()
    return {"hidden": hidden.detach(), **grads}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
