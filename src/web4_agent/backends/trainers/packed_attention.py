"""Causal attention inside each sample of a pack, none between them. Called by `fast_layers`.

Two ways to the same figures. One attention per sample, with torch's `scaled_dot_product_attention`: exact on every
device, and the only way on a processor. On a GPU a pack of many short samples is mostly waiting for kernels to start;
there `torch.nn.attention.varlen` does all samples in one, from the places where they begin. Before its first use in a
process it is held against the first way, forward and backward, and left aside if it disagrees.

Shapes: T tokens of all samples in the pack, H heads, G heads of keys and values (H is a multiple of G), W head width.
"""

import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

log = logging.getLogger(__name__)

Varlen = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]
"""Causal attention (T, H, W) from query, key, value, the places where samples begin and end, and the longest sample."""

CHECKED_LENGTHS = (7, 1, 19, 64)
"""Samples of the pack on which the one way is held against the other."""
CHECK_TOLERANCE = 0.03
"""Of the largest value: some four steps of bfloat16. A sample that sees its neighbour is off by far more."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sample of a pack: a `beginning`, and `branches` that each go on from it and don't see one another; lengths in
    tokens, stored one after another. A plain sample is a beginning alone."""

    beginning: int
    branches: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        return self.beginning + sum(self.branches)


def attend(query: Tensor, key: Tensor, value: Tensor, rows: Sequence[Row]) -> Tensor:
    """Causal attention inside each sample of the pack, shape (T, H · W) from (T, H, W) and (T, G, W): exact, and
    without a mask over the pack, so that the work grows with each sample's own length."""
    kernel = None if any(row.branches for row in rows) else varlen_kernel(query, key)
    if kernel is None:
        return attend_each(query, key, value, rows)
    return _at_once(kernel, query, key, value, rows)


def attend_each(query: Tensor, key: Tensor, value: Tensor, rows: Sequence[Row]) -> Tensor:
    """As `attend`, sample by sample."""
    lengths = [row.length for row in rows]
    parts = zip(rows, *(torch.split(each, lengths) for each in (query, key, value)), strict=True)
    attended = [piece for row, *qkv in parts for piece in (_attend_row(row, *qkv) if row.branches else [_causal(*qkv)])]
    return torch.cat(attended).flatten(1)


def varlen_kernel(query: Tensor, key: Tensor) -> Varlen | None:
    """The kernel for all samples at once, where there is one for tensors like these and it proved right."""
    width = query.shape[-1]
    if query.device.type != "cuda" or query.dtype not in {torch.bfloat16, torch.float16} or width % 8 or width > 256:
        return None
    return _proved_kernel(query.device, query.dtype, query.shape[1], key.shape[1], width)


def agrees(kernel: Varlen, query: Tensor, key: Tensor, value: Tensor, rows: Sequence[Row]) -> bool:
    """Whether the kernel gives what attention per sample gives, and its gradients. Raises what the kernel raises."""
    found, wanted = (
        _with_gradients(way, query, key, value)
        for way in (
            lambda q, k, v: _at_once(kernel, q, k, v, rows),
            lambda q, k, v: attend_each(q, k, v, rows),
        )
    )
    return all(_close(one, other) for one, other in zip(found, wanted, strict=True))


@lru_cache(maxsize=8)
def _proved_kernel(device: torch.device, dtype: torch.dtype, heads: int, groups: int, width: int) -> Varlen | None:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:  # torch before 2.10
        return None
    draw = torch.Generator().manual_seed(1)
    tokens = sum(CHECKED_LENGTHS)
    query, key, value = (
        torch.randn(tokens, count, width, generator=draw).to(device, dtype) for count in (heads, groups, groups)
    )
    reasons: list[str] = []
    asked = cast("Callable[..., Tensor]", varlen_attn)  # without return_aux it returns a tensor alone
    for kernel in ways(asked, grouped=heads != groups):
        try:
            if agrees(kernel, query, key, value, [Row(length) for length in CHECKED_LENGTHS]):
                return kernel
            reasons.append("its results are not those of attention per sample")
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
            reasons.append(str(error).splitlines()[0] if str(error) else type(error).__name__)
    log.warning("trainer.varlen_left_aside device=%s reason=%s", device, "; ".join(reasons))
    return None


def ways(varlen_attn: Callable[..., Tensor], *, grouped: bool) -> list[Varlen]:
    """How to ask torch's kernel, the best way first. Its words differ: torch 2.10 says `is_causal`, later ones
    `window_size`; `enable_gqa` came with 2.12, and before it fewer heads of keys may be taken as they are or not."""
    known = inspect.signature(varlen_attn).parameters
    said: dict[str, object] = {"is_causal": True} if "is_causal" in known else {"window_size": (-1, 0)}
    if grouped and "enable_gqa" in known:
        said["enable_gqa"] = True

    def plain(query: Tensor, key: Tensor, value: Tensor, begins: Tensor, longest: int) -> Tensor:
        return varlen_attn(query, key, value, begins, begins, longest, longest, **said)

    def widened(query: Tensor, key: Tensor, value: Tensor, begins: Tensor, longest: int) -> Tensor:
        heads = query.shape[1]
        return plain(query, _for_each_head(key, heads), _for_each_head(value, heads), begins, longest)

    return [plain, widened] if grouped else [plain]


def _for_each_head(of_groups: Tensor, heads: int) -> Tensor:
    """(T, H, W) from (T, G, W): each group's again for each of its heads."""
    tokens, groups, width = of_groups.shape
    return of_groups[:, :, None].expand(tokens, groups, heads // groups, width).reshape(tokens, heads, width)


def _at_once(kernel: Varlen, query: Tensor, key: Tensor, value: Tensor, rows: Sequence[Row]) -> Tensor:
    lengths = tuple(row.length for row in rows)
    return kernel(query, key, value.contiguous(), _begins(lengths, query.device), max(lengths)).flatten(1)


@lru_cache(maxsize=8)
def _begins(lengths: tuple[int, ...], device: torch.device) -> Tensor:
    """Where each sample begins and the last one ends, int32, shape (samples + 1,): the same for all layers."""
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32).to(device)


def _with_gradients(attention: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
    leaves = [each.detach().requires_grad_() for each in inputs]
    with torch.enable_grad():
        out = attention(*leaves)
        towards = torch.linspace(-1.0, 1.0, out.numel()).view_as(out).to(out)
        return (out.detach(), *torch.autograd.grad(out, leaves, towards))


def _close(found: Tensor, wanted: Tensor) -> bool:
    found, wanted = found.float(), wanted.float()
    return bool((found - wanted).abs().max() <= CHECK_TOLERANCE * wanted.abs().max())


def _attend_row(row: Row, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
    """The beginning by itself, then each branch over the beginning and itself."""
    sizes = [row.beginning, *row.branches]
    (first_q, *queries), (first_k, *keys), (first_v, *values) = (torch.split(one, sizes) for one in (query, key, value))
    pieces = [_causal(first_q, first_k, first_v)]
    for q, k, v in zip(queries, keys, values, strict=True):
        if not len(q):
            continue
        seen = torch.ones(len(q), row.beginning + len(q), dtype=torch.bool, device=q.device).tril(row.beginning)
        pieces.append(_causal(q, torch.cat((first_k, k)), torch.cat((first_v, v)), seen))
    return pieces


def _causal(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None = None) -> Tensor:
    """`seen` says which keys each query reads, where there are more keys than queries."""
    q, k, v = (each.transpose(0, 1)[None] for each in (query, key, value))
    attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=seen is None, enable_gqa=True)
    return attended[0].transpose(0, 1)
