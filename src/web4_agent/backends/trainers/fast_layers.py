"""One decoder layer of a llama-like model with LoRA, forward and backward written out. Called by `fast_stack`.

What it saves against autograd over transformers and PEFT: norms, gate and dropped inputs are computed again in the
backward pass instead of kept, LoRA products are added in place inside the matrix product, frozen weights get no
gradient, and one dropout mask serves all projections that read the same input.

Activations and frozen weights have one number type. Where that is bfloat16, norms are computed in float32, LoRA
parameters stay float32 and are rounded once for all products of a pass, and so are their gradients float32.

Shapes: T tokens (of all samples in the pack), D model width, F feed-forward width, r rank.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from web4_agent.backends.trainers.packed_attention import Row, attend


class QuantisedMatrix(Protocol):
    """A frozen matrix that is held in few bits and written out anew for each product."""

    @property
    def shape(self) -> torch.Size:
        """(outputs, inputs)"""

    def dense(self, dtype: torch.dtype) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Projection:
    """y = x·weightᵀ + bias + scale · dropout(x)·aᵀ·bᵀ. `a_ri` and `b_or` learn; weight and bias are frozen.

    `rounded` holds both in the number type of the activations where that is another one; who changes a or b renews it.
    """

    weight_oi: Tensor | QuantisedMatrix
    bias_o: Tensor | None
    a_ri: Tensor
    b_or: Tensor
    scale: float
    rounded: tuple[Tensor, Tensor] | None = None

    @property
    def read_a_ri(self) -> Tensor:
        return self.a_ri if self.rounded is None else self.rounded[0]

    @property
    def read_b_or(self) -> Tensor:
        return self.b_or if self.rounded is None else self.rounded[1]


@dataclass(frozen=True, slots=True)
class Norm:
    weight_d: Tensor
    eps: float


@dataclass(frozen=True, slots=True)
class Layer:
    """`head_width` is the width of one attention head; query heads are a multiple of key and value heads."""

    attention_norm: Norm
    query: Projection
    key: Projection
    value: Projection
    output: Projection
    mlp_norm: Norm
    gate: Projection
    up: Projection
    down: Projection
    head_width: int

    @property
    def projections(self) -> tuple[Projection, ...]:
        return (self.query, self.key, self.value, self.output, self.gate, self.up, self.down)


@dataclass(frozen=True, slots=True)
class Masks:
    """Dropout masks of a layer's four inputs, values 0 or 1/(1-p); None without dropout."""

    attention: Tensor | None = None
    output: Tensor | None = None
    mlp: Tensor | None = None
    down: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotary position embedding of each token: cosine and sine, shape (T, 1, half a head's width)."""

    cos: Tensor
    sin: Tensor


def forward_layer(x_td: Tensor, layer: Layer, rows: Sequence[Row], rotation: Rotation, masks: Masks) -> Tensor:
    """The layer with its adapter; differentiable with respect to x and the LoRA parameters."""
    qkv = (layer.query, layer.key, layer.value)
    query, key, value = _AttentionInput.apply(x_td, layer, rotation, masks.attention, *_learned(*qkv))  # type: ignore[no-untyped-call] # torch leaves apply untyped
    attended = attend(query, key, value, rows)
    x_td = _AttentionOutput.apply(attended, x_td, layer.output, masks.output, *_learned(layer.output))  # type: ignore[no-untyped-call] # as above
    learned = _learned(layer.gate, layer.up, layer.down)
    out: Tensor = _Mlp.apply(x_td, layer, masks, *learned)  # type: ignore[no-untyped-call] # as above
    return out


def forward_base_layer(x_td: Tensor, layer: Layer, rows: Sequence[Row], rotation: Rotation) -> Tensor:
    """The layer without its adapter and without gradients."""
    normed, _ = _normed(x_td, layer.attention_norm)
    query, key, value = (_frozen(normed, each) for each in (layer.query, layer.key, layer.value))
    heads = [_split_heads(each, layer.head_width) for each in (query, key, value)]
    attended = attend(_rotated(heads[0], rotation), _rotated(heads[1], rotation), heads[2], rows)
    x_td = x_td + _frozen(attended, layer.output)
    normed, _ = _normed(x_td, layer.mlp_norm)
    inner = functional.silu(_frozen(normed, layer.gate)).mul_(_frozen(normed, layer.up))
    return x_td + _frozen(inner, layer.down)


class _AttentionInput(Function):
    """x -> rotated queries, rotated keys, values; each (T, heads, head width)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, layer: Layer, rotation: Rotation, mask: Tensor | None, *_learned: Tensor
    ) -> tuple[Tensor, ...]:
        normed, rstd = _normed(x, layer.attention_norm)
        dropped = _dropped(normed, mask)
        made = [_adapted(normed, dropped, each) for each in (layer.query, layer.key, layer.value)]
        ctx.save_for_backward(x, rstd, *(low for _, low in made))
        ctx.layer, ctx.rotation, ctx.mask = layer, rotation, mask
        query, key, value = (_split_heads(y, layer.head_width) for y, _ in made)
        return _rotated(query, rotation), _rotated(key, rotation), value

    @staticmethod
    def backward(ctx: Any, d_query: Tensor, d_key: Tensor, d_value: Tensor) -> tuple[Tensor | None, ...]:
        x, rstd, *lows = ctx.saved_tensors
        layer, mask = ctx.layer, ctx.mask
        normed = _normed_again(x, rstd, layer.attention_norm)
        grads = (_rotated_back(d_query, ctx.rotation), _rotated_back(d_key, ctx.rotation), d_value)
        flat = [grad.reshape(len(x), -1) for grad in grads]
        projections = (layer.query, layer.key, layer.value)
        d_normed, learned = _backward(
            flat, _dropped(normed, mask), lows, projections, mask, needs_input=ctx.needs_input_grad[0]
        )
        d_x = None if d_normed is None else _norm_backward(d_normed, x, rstd, layer.attention_norm)
        return d_x, None, None, None, *learned


class _AttentionOutput(Function):
    """attended, x -> x + o(attended)."""

    @staticmethod
    def forward(
        ctx: Any, attended: Tensor, x: Tensor, output: Projection, mask: Tensor | None, *_learned: Tensor
    ) -> Tensor:
        y, low = _adapted(attended, _dropped(attended, mask), output)
        ctx.save_for_backward(attended, low)
        ctx.output, ctx.mask = output, mask
        return y.add_(x)

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        attended, low = ctx.saved_tensors
        dropped = _dropped(attended, ctx.mask)
        d_attended, learned = _backward([d_out], dropped, [low], (ctx.output,), ctx.mask, needs_input=True)
        return d_attended, d_out if ctx.needs_input_grad[1] else None, None, None, *learned


class _Mlp(Function):
    """x -> x + down(silu(gate(n)) · up(n)) with n = norm(x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Layer, masks: Masks, *_learned: Tensor) -> Tensor:
        normed, rstd = _normed(x, layer.mlp_norm)
        dropped = _dropped(normed, masks.mlp)
        gate, gate_low = _adapted(normed, dropped, layer.gate)
        up, up_low = _adapted(normed, dropped, layer.up)
        inner = functional.silu(gate).mul_(up)
        y, down_low = _adapted(inner, _dropped(inner, masks.down), layer.down)
        ctx.save_for_backward(x, rstd, gate, up, gate_low, up_low, down_low)
        ctx.layer, ctx.masks = layer, masks
        return y.add_(x)

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        x, rstd, gate, up, gate_low, up_low, down_low = ctx.saved_tensors
        layer, masks = ctx.layer, ctx.masks
        silu = functional.silu(gate)
        inner = _dropped(silu * up, masks.down)
        d_inner, down_learned = _backward([d_out], inner, [down_low], (layer.down,), masks.down, needs_input=True)
        assert d_inner is not None
        d_up = d_inner * silu
        d_gate = torch.ops.aten.silu_backward(d_inner.mul_(up), gate)
        normed = _normed_again(x, rstd, layer.mlp_norm)
        d_normed, learned = _backward(
            [d_gate, d_up],
            _dropped(normed, masks.mlp),
            [gate_low, up_low],
            (layer.gate, layer.up),
            masks.mlp,
            needs_input=True,
        )
        assert d_normed is not None
        d_x = _norm_backward(d_normed, x, rstd, layer.mlp_norm).add_(d_out)
        return d_x, None, None, *learned, *down_learned


def _learned(*projections: Projection) -> list[Tensor]:
    """LoRA parameters in the order in which the backward passes return their gradients: a, b of each projection."""
    return [tensor for each in projections for tensor in (each.a_ri, each.b_or)]


def _frozen(x: Tensor, projection: Projection) -> Tensor:
    return functional.linear(x, _dense(projection, x), projection.bias_o)


def _dense(projection: Projection, like: Tensor) -> Tensor:
    weight_oi = projection.weight_oi
    return weight_oi if isinstance(weight_oi, Tensor) else weight_oi.dense(like.dtype)


def _adapted(x: Tensor, dropped: Tensor, projection: Projection) -> tuple[Tensor, Tensor]:
    """The projection's output, and dropped·aᵀ, shape (T, r)."""
    low = dropped @ projection.read_a_ri.T
    return _frozen(x, projection).addmm_(low, projection.read_b_or.T, alpha=projection.scale), low


def _backward(
    grads: list[Tensor],
    dropped: Tensor,
    lows: list[Tensor],
    projections: tuple[Projection, ...],
    mask: Tensor | None,
    *,
    needs_input: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """Of projections that read one input: its gradient (None if not needed), and those of their LoRA parameters."""
    learned: list[Tensor] = []
    d_input: Tensor | None = None
    d_dropped: Tensor | None = None
    for grad, low, each in zip(grads, lows, projections, strict=True):
        d_low = (grad @ each.read_b_or).mul_(each.scale)
        d_a, d_b = d_low.T @ dropped, (grad.T @ low).mul_(each.scale)
        learned += [d_a.to(each.a_ri.dtype), d_b.to(each.b_or.dtype)]
        if needs_input:
            weight_oi, a_ri = _dense(each, grad), each.read_a_ri
            d_input = grad @ weight_oi if d_input is None else d_input.addmm_(grad, weight_oi)
            d_dropped = d_low @ a_ri if d_dropped is None else d_dropped.addmm_(d_low, a_ri)
    if d_input is not None and d_dropped is not None:
        d_input = d_input.add_(d_dropped) if mask is None else d_input.addcmul_(d_dropped, mask)
    return d_input, learned


def _dropped(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask


def _normed(x: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
    """RMS norm of each row, and 1/rms, shape (T, 1), float32 at least."""
    wide = torch.promote_types(x.dtype, torch.float32)
    mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide).square_().div_(x.shape[-1])
    rstd = mean_square.add_(norm.eps).rsqrt_()
    return _normed_again(x, rstd, norm), rstd


def _normed_again(x: Tensor, rstd: Tensor, norm: Norm) -> Tensor:
    return (x * rstd).mul_(norm.weight_d).to(x.dtype)


def _norm_backward(d_normed: Tensor, x: Tensor, rstd: Tensor, norm: Norm) -> Tensor:
    """Takes over `d_normed` as its own memory."""
    weighted, wide_x = d_normed.to(rstd.dtype).mul_(norm.weight_d), x.to(rstd.dtype)
    along = (weighted * wide_x).sum(-1, keepdim=True).mul_(rstd.pow(3)).div_(x.shape[-1])
    return weighted.mul_(rstd).addcmul_(wide_x, along, value=-1.0).to(x.dtype)


def _split_heads(y: Tensor, head_width: int) -> Tensor:
    return y.view(len(y), -1, head_width)


def _rotated(x: Tensor, rotation: Rotation) -> Tensor:
    """Rotate each head's first half against its second, as transformers does."""
    first, second = x.chunk(2, dim=-1)
    out = torch.empty_like(x)
    left, right = out.chunk(2, dim=-1)
    torch.mul(first, rotation.cos, out=left).addcmul_(second, rotation.sin, value=-1.0)
    torch.mul(second, rotation.cos, out=right).addcmul_(first, rotation.sin)
    return out


def _rotated_back(grad: Tensor, rotation: Rotation) -> Tensor:
    """The transpose of a rotation is the rotation the other way."""
    return _rotated(grad, Rotation(rotation.cos, -rotation.sin))
