"""What people's thumbs teach: likelier answers they were for, less likely ones they were against.

Called by the training loop. The loss is `apo_zero_unpaired`: 1 − σ(β·r) for an answer people were for, σ(β·r) for one
they were against; r is the answer's log-likelihood now minus that when the step began, summed over its tokens (the
unpaired form of equation 7 of arXiv 2408.06266, under that name in TRL's KTO trainer). The KTO paper's own loss (arXiv
2402.01306) subtracts from r an estimate of the divergence, got from answers to other questions of the same batch. A
batch here has eight, few for that, and the estimate would tie each answer's gradient to whichever others came along.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from web4_agent.backends.trainers.head_loss import head_loss, log_probabilities, loss_positions
from web4_agent.backends.trainers.lora_model import LoraModel
from web4_agent.backends.trainers.packing import PreferencePack, Step
from web4_agent.domain.training import TrainPolicy


def with_references(model: LoraModel, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same steps, each preference with its log-likelihood by the model as it stands."""
    return tuple(
        replace(step, preferences=tuple(_referred(model, pack) for pack in step.preferences)) for step in steps
    )


def backward_preferences(model: LoraModel, step: Step, policy: TrainPolicy) -> float:
    """Add the gradients of a step's preferences; returns their mean weighted loss, 0 where there are none.

    Without dropout, as the likelihoods they are held against.
    """
    count = sum(len(pack.preferences) for pack in step.preferences)
    return sum((_backward(model, pack, policy.preference_beta, count) for pack in step.preferences), 0.0)


def preference_loss(ratio_n: Tensor, desirable_n: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Loss of each answer, and by how much it falls per nat that the answer's log-likelihood grows.

    The latter is negative where people were against the answer.
    """
    sign_n = torch.where(desirable_n, 1.0, -1.0)
    loss_n = torch.sigmoid(-beta * sign_n * ratio_n)
    return loss_n, sign_n * beta * loss_n * (1.0 - loss_n)


def _referred(model: LoraModel, pack: PreferencePack) -> PreferencePack:
    tokens = [sample.tokens for sample in pack.samples]
    chosen, targets, _ = loss_positions(pack.samples)
    with torch.no_grad():
        hidden = model.stack.hidden(tokens, chosen)
    found = _likelihoods(model, pack, hidden, targets).tolist()
    return PreferencePack(
        tuple(replace(each, reference=logp) for each, logp in zip(pack.preferences, found, strict=True))
    )


def _backward(model: LoraModel, pack: PreferencePack, beta: float, count: int) -> float:
    tokens = [sample.tokens for sample in pack.samples]
    chosen, targets, _ = loss_positions(pack.samples)
    hidden = model.stack.hidden(tokens, chosen)
    ratio_n = _likelihoods(model, pack, hidden.detach(), targets)
    ratio_n -= torch.tensor([each.reference for each in pack.preferences])
    desirable_n = torch.tensor([each.desirable for each in pack.preferences])
    loss_n, slope_n = preference_loss(ratio_n, desirable_n, beta)
    share_n = torch.tensor([sample.weight for sample in pack.samples]) / count
    scale_t = torch.repeat_interleave(share_n * slope_n, _counts(pack))
    hidden.backward(head_loss(hidden.detach(), model.head_vd, targets, scale_t).gradient_nd)  # type: ignore[no-untyped-call] # torch leaves backward untyped
    return float((share_n * loss_n).sum())


def _likelihoods(model: LoraModel, pack: PreferencePack, hidden: Tensor, targets: Tensor) -> Tensor:
    """Log-likelihood of each answer in nats, summed over its tokens."""
    logprobs, _ = log_probabilities(hidden, model.head_vd, targets, 1)
    parts = torch.split(torch.tensor(logprobs), _counts(pack).tolist())
    return torch.stack([each.sum() for each in parts])


def _counts(pack: PreferencePack) -> Tensor:
    return torch.tensor([sample.loss_tokens for sample in pack.samples])
