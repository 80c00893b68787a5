"""Hidden states of a packed row, fast, for architectures whose layers `fast_layers` writes out. Called by `lora_model`.

Reads the very parameters of the PEFT model, so what it learns is what PEFT saves. Tested to give the same hidden states
and gradients as the reference but for the order of sums.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from web4_agent.backends.trainers.fast_layers import (
    Layer,
    Masks,
    Norm,
    Projection,
    QuantisedMatrix,
    Rotation,
    forward_base_layer,
    forward_layer,
)
from web4_agent.backends.trainers.four_bits import FourBitMatrix, is_four_bit
from web4_agent.backends.trainers.packed_attention import Row

MODEL_TYPES = ("llama", "qwen2")
ROPE_TYPES = ("default", "linear", "llama3")
"""Rotary embeddings whose frequencies don't depend on the length of the row."""
POOL_VALUES = 1 << 22
"""Dropout masks are windows into a pool this large, 16 MB, drawn anew for each pack: drawing each mask of each
layer apart would cost 6 to 12 % of the training time. Windows start anywhere, so masks of layers are not aligned."""
GPU_MASK_ALIGNMENT = 64
"""On a GPU windows start at a multiple of this, where several values are read at once."""


def supports(config: Any) -> bool:
    """Full causal attention, silu, and positions that don't depend on the row: what `fast_layers` assumes."""
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        config.model_type in MODEL_TYPES
        and config.hidden_act == "silu"
        and rope.get("rope_type", "default") in ROPE_TYPES
        and not getattr(config, "use_sliding_window", False)
        and not getattr(config, "attention_dropout", 0.0)
    )


class FastStack:
    """`model` is the base model with PEFT's layers injected."""

    def __init__(self, model: Any) -> None:
        self._decoder = model.model
        self._dropout = _dropout(self._decoder.layers[0].self_attn.q_proj)
        embedding = self._decoder.embed_tokens.weight
        self._layers = [_layer(each, embedding.dtype) for each in self._decoder.layers]
        self._device = embedding.device

    def hidden(
        self,
        samples: Sequence[Sequence[int]],
        chosen: Tensor,
        *,
        adapted: bool = True,
        dropout_seed: int | None = None,
        rows: Sequence[Row] | None = None,
    ) -> Tensor:
        rows = [Row(len(sample)) for sample in samples] if rows is None else list(rows)
        with torch.no_grad():
            tokens = torch.tensor([token for sample in samples for token in sample])
            x_td = self._decoder.embed_tokens(tokens.to(self._device))
            rotation = self._rotation(x_td, rows)
        if adapted:
            self._round()
            masks = self._masks(x_td, dropout_seed)
            for layer, layer_masks in zip(self._layers, masks, strict=True):
                x_td = forward_layer(x_td, layer, rows, rotation, layer_masks)
        else:
            for layer in self._layers:
                x_td = forward_base_layer(x_td, layer, rows, rotation)
        normed: Tensor = self._decoder.norm(x_td.index_select(0, chosen.to(self._device)))
        return normed

    def _round(self) -> None:
        """All LoRA parameters at once: one by one they would be a quarter of what a GPU is told to do."""
        with torch.no_grad():
            pairs = [(each, each.rounded) for layer in self._layers for each in layer.projections]
            read = [tensor for each, rounded in pairs if rounded is not None for tensor in (each.a_ri, each.b_or)]
            if read:
                torch._foreach_copy_([tensor for _, rounded in pairs for tensor in rounded or ()], read)

    def _rotation(self, x_td: Tensor, rows: Sequence[Row]) -> Rotation:
        positions = torch.cat([part for row in rows for part in _positions(row)])
        cos, sin = self._decoder.rotary_emb(x_td[None], positions[None].to(self._device))
        half = cos.shape[-1] // 2
        return Rotation(cos[0, :, None, :half].contiguous(), sin[0, :, None, :half].contiguous())

    def _masks(self, x_td: Tensor, seed: int | None) -> Iterator[Masks]:
        if seed is None or not self._dropout:
            yield from (Masks() for _ in self._layers)
            return
        tokens = len(x_td)
        widest = tokens * max(layer.down.weight_oi.shape[1] for layer in self._layers)
        draw = np.random.Generator(np.random.SFC64(seed))
        values = max(POOL_VALUES, 2 * widest)
        if self._device.type == "cpu":
            pool = _mask_pool(draw, values, self._dropout).to(x_td.dtype)
        else:
            pool = _pool_drawn_there(x_td, seed, values, self._dropout)
        every = 1 if self._device.type == "cpu" else GPU_MASK_ALIGNMENT
        for layer in self._layers:
            yield Masks(*(_window(pool, draw, tokens, width, every) for width in _input_widths(layer)))


def _positions(row: Row) -> list[Tensor]:
    """Each branch counts on from the beginning."""
    branches = [torch.arange(row.beginning, row.beginning + length) for length in row.branches]
    return [torch.arange(row.beginning), *branches]


def _mask_pool(draw: np.random.Generator, values: int, dropout: float) -> Tensor:
    """Values 0 with probability `dropout` (to 1/65536), else 1/(1 - dropout)."""
    drawn = np.frombuffer(draw.bytes(2 * values), dtype=np.uint16)
    limit = round(dropout * 65_536)
    return torch.from_numpy((drawn >= limit).astype(np.float32)).mul_(1.0 / (1.0 - limit / 65_536))


def _pool_drawn_there(like: Tensor, seed: int, values: int, dropout: float) -> Tensor:
    """As `_mask_pool`, by the generator of the device, which would wait long for so much from the processor."""
    draw = torch.Generator(like.device).manual_seed(seed)
    drawn = torch.randint(0, 65_536, (values,), device=like.device, dtype=torch.int32, generator=draw)
    limit = round(dropout * 65_536)
    return (drawn >= limit).to(like.dtype).mul_(1.0 / (1.0 - limit / 65_536))


def _window(pool: Tensor, draw: np.random.Generator, tokens: int, width: int, every: int) -> Tensor:
    """Beginning at a multiple of `every`."""
    start = int(draw.integers(0, (len(pool) - tokens * width - 1) // every + 1)) * every
    return pool[start : start + tokens * width].view(tokens, width)


def _input_widths(layer: Layer) -> tuple[int, int, int, int]:
    read = (layer.query, layer.output, layer.gate, layer.down)
    first, second, third, fourth = (projection.weight_oi.shape[1] for projection in read)
    return first, second, third, fourth


def _layer(module: Any, dtype: torch.dtype) -> Layer:
    """`dtype` is that of the activations."""
    attention, mlp = module.self_attn, module.mlp
    return Layer(
        attention_norm=_norm(module.input_layernorm),
        query=_projection(attention.q_proj, dtype),
        key=_projection(attention.k_proj, dtype),
        value=_projection(attention.v_proj, dtype),
        output=_projection(attention.o_proj, dtype),
        mlp_norm=_norm(module.post_attention_layernorm),
        gate=_projection(mlp.gate_proj, dtype),
        up=_projection(mlp.up_proj, dtype),
        down=_projection(mlp.down_proj, dtype),
        head_width=attention.head_dim,
    )


def _projection(module: Any, dtype: torch.dtype, adapter: str = "default") -> Projection:
    bias = module.base_layer.bias
    a_ri, b_or = module.lora_A[adapter].weight, module.lora_B[adapter].weight
    same = a_ri.dtype is dtype
    return Projection(
        weight_oi=_weight(module.base_layer),
        bias_o=None if bias is None else bias.detach(),
        a_ri=a_ri,
        b_or=b_or,
        scale=float(module.scaling[adapter]),
        rounded=None if same else (torch.empty_like(a_ri, dtype=dtype), torch.empty_like(b_or, dtype=dtype)),
    )


def _weight(linear: Any) -> Tensor | QuantisedMatrix:
    if is_four_bit(linear):
        return FourBitMatrix(linear.weight)
    weight: Tensor = linear.weight.detach()
    return weight


def _norm(module: Any) -> Norm:
    return Norm(module.weight.detach(), float(module.variance_epsilon))


def _dropout(module: Any, adapter: str = "default") -> float:
    return float(getattr(module.lora_dropout[adapter], "p", 0.0))
