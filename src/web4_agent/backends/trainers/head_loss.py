"""Loss and its gradient at the output head, for the positions that bear loss only. Called by the training loop.

The vocabulary is by far the widest layer: logits exist for a few positions at a time and are turned into their own
gradient in place, so the head is multiplied twice a position and never a third time in a backward pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from web4_agent.backends.trainers.packing import TokenSample

CHUNK_TOKENS = 256
"""Positions whose logits exist at once, 50 MB at 49,152 words: fewer make the product slow, more make the rest slow."""
GPU_CHUNK_TOKENS = 512
"""As above on a GPU, 310 MB at 152,064 words: for fewer, reading the head takes longer than multiplying it."""


@dataclass(frozen=True, slots=True)
class HeadLoss:
    """Sums over the given positions, nats: weighted negative log-likelihood, and KL(base ‖ adapted) (0 without a base).
    `gradient_nd` is the gradient with respect to the hidden states."""

    nll: float
    kl: float
    gradient_nd: Tensor


@torch.no_grad()
def head_loss(
    hidden_nd: Tensor,
    head_vd: Tensor,
    targets_n: Tensor,
    scale_n: Tensor,
    *,
    base_hidden_nd: Tensor | None = None,
    kl_scale: float = 0.0,
) -> HeadLoss:
    """The loss is Σ scale · −log p(target) + kl_scale · Σ KL(base ‖ adapted); `nll` is its first sum, `kl` the second
    one without its scale. From logits to gradient in float32 at least, whatever the model is computed in."""
    gradient_nd = torch.empty_like(hidden_nd)
    targets_n, scale_n = targets_n.to(hidden_nd.device), scale_n.to(hidden_nd.device)
    nll = kl = 0.0
    for rows in _chunks(hidden_nd):
        targets, scale = targets_n[rows, None], scale_n[rows, None]
        logits = _logits(hidden_nd[rows], head_vd)
        if base_hidden_nd is None:
            gradient = torch.softmax(logits, dim=-1, out=logits)
            nll += _nll(gradient, targets, scale)
            gradient.mul_(scale)
        else:
            base_logp = torch.log_softmax(_logits(base_hidden_nd[rows], head_vd), dim=-1)
            base_p = base_logp.exp()
            kl += float(base_logp.sub_(torch.log_softmax(logits, dim=-1)).mul_(base_p).sum())
            gradient = torch.softmax(logits, dim=-1, out=logits)
            nll += _nll(gradient, targets, scale)
            gradient.mul_(scale + kl_scale).sub_(base_p, alpha=kl_scale)
        gradient.scatter_add_(1, targets, -scale)
        torch.mm(gradient.to(head_vd.dtype), head_vd, out=gradient_nd[rows])
    return HeadLoss(nll, kl, gradient_nd)


@torch.no_grad()
def log_probabilities(
    hidden_nd: Tensor, head_vd: Tensor, targets_n: Tensor, top: int
) -> tuple[list[float], list[list[tuple[int, float]]]]:
    """Log-probability of each target, and its `top` most likely tokens with theirs, best first."""
    found: list[float] = []
    best: list[list[tuple[int, float]]] = []
    targets_n = targets_n.to(hidden_nd.device)
    for rows in _chunks(hidden_nd):
        logp = torch.log_softmax(_logits(hidden_nd[rows], head_vd), dim=-1)
        found += logp.gather(1, targets_n[rows, None])[:, 0].tolist()
        values, indices = logp.topk(top, dim=-1)
        best += [list(zip(i, v, strict=True)) for i, v in zip(indices.tolist(), values.tolist(), strict=True)]
    return found, best


def loss_positions(samples: Sequence[TokenSample]) -> tuple[Tensor, Tensor, Tensor]:
    """Of concatenated samples: positions whose next token bears loss, those next tokens, and their weights."""
    positions: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    offset = 0
    for sample in samples:
        positions += range(offset + sample.loss_start - 1, offset + len(sample.tokens) - 1)
        targets += sample.tokens[sample.loss_start :]
        weights += [sample.weight] * sample.loss_tokens
        offset += len(sample.tokens)
    return torch.tensor(positions), torch.tensor(targets), torch.tensor(weights, dtype=torch.float32)


def _chunks(hidden_nd: Tensor) -> Iterator[slice]:
    size = CHUNK_TOKENS if hidden_nd.device.type == "cpu" else GPU_CHUNK_TOKENS
    return (slice(first, first + size) for first in range(0, len(hidden_nd), size))


def _logits(hidden_nd: Tensor, head_vd: Tensor) -> Tensor:
    logits = hidden_nd @ head_vd.T
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _nll(probabilities: Tensor, targets: Tensor, scale: Tensor) -> float:
    """Σ scale · −log p(target). A probability below the smallest normal float counts as that (87 nats); NaN stays."""
    chosen = probabilities.gather(1, targets).clamp_(min=torch.finfo(probabilities.dtype).tiny)
    return -float((scale * chosen.log_()).sum())
