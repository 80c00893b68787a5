"""Memory and time of a real model, worked out from its shape: the tables of docs/real_model.md.

    python benchmarks/model_figures.py

Nothing is measured here. Bits per weight are those of the formats' block layouts; work is counted in multiplications.
A test holds the page against what this prints.
"""

from collections.abc import Iterator
from dataclasses import dataclass

GB = 1e9
Q4_K_BITS = 144 * 8 / 256
"""Of ggml's block of 256 weights: 128 bytes of quants, 12 of scales, 4 of two halves."""
Q6_K_BITS = 210 * 8 / 256
NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
"""Four bits, a scale of 8 bits each 64 weights, one of 32 bits each 256 scales (Dettmers et al. 2023, section 3)."""
MEASURED_FLOPS = 5.6e10
"""What training the 135 M default reached on two cores: 37,194 tokens in 355 s (docs/learning.md), 4 x 134.5 M each."""

MEASURED_READ = 20_000
"""Tokens that the gate reads of a model: 123 processor seconds of scoring at 6.3 ms a token (docs/evening_time.md)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder with grouped queries and a gated feed-forward net, such as Qwen2 (biases on q, k and v) and Llama."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    tied: bool = False
    biases: bool = True

    @property
    def kv_width(self) -> int:
        return self.hidden // self.heads * self.kv_heads

    @property
    def matrices(self) -> tuple[tuple[int, int], ...]:
        """(in, out) of the seven projections of a layer: q, k, v, o, gate, up, down."""
        h, kv, ff = self.hidden, self.kv_width, self.feed_forward
        return ((h, h), (h, kv), (h, kv), (h, h), (h, ff), (h, ff), (ff, h))

    @property
    def embedding(self) -> int:
        return self.vocabulary * self.hidden

    @property
    def linear(self) -> int:
        """Weights of all projections: what LoRA adapts and NF4 quantises."""
        return self.layers * sum(rows * columns for rows, columns in self.matrices)

    @property
    def parameters(self) -> int:
        biases = self.layers * (self.hidden + 2 * self.kv_width) if self.biases else 0
        norms = (2 * self.layers + 1) * self.hidden
        return self.linear + biases + norms + self.embedding * (1 if self.tied else 2)

    @property
    def multiplied(self) -> int:
        """Weights that a token is multiplied with: all but the embedding, which is looked up."""
        return self.linear + self.embedding


QWEN_7B = Shape("Qwen2.5-Coder-7B-Instruct", 28, 3584, 28, 4, 18_944, 152_064)
SMOLLM2 = Shape("SmolLM2-135M-Instruct", 30, 576, 9, 3, 1536, 49_152, tied=True, biases=False)


def lora_parameters(shape: Shape, rank: int) -> int:
    """A and B of every projection: rank x (in + out)."""
    return shape.layers * sum(rank * (rows + columns) for rows, columns in shape.matrices)


def weight_bytes(shape: Shape, how: str) -> float:
    """`how`: float32, bfloat16, Q4_K_M, NF4. Raises KeyError for another."""
    plain = {"float32": 4, "bfloat16": 2}
    if how in plain:
        return float(shape.parameters * plain[how])
    return {"Q4_K_M": _q4_k_m_bytes, "NF4": _nf4_bytes}[how](shape)


def kv_bytes_per_token(shape: Shape) -> int:
    """Keys and values of all layers in 16 bits."""
    return 2 * shape.layers * shape.kv_width * 2


def trained_bytes(shape: Shape, rank: int) -> int:
    """Adapter, gradient and Adam's two moments, all float32, as the trainer holds them."""
    return 4 * 4 * lora_parameters(shape, rank)


def activation_bytes_per_token(shape: Shape, width: int) -> int:
    """What this trainer keeps of one token for the way back, `width` bytes a number (`trainers/fast_layers.py`).

    A layer keeps its input, q, k, v, what attention gave, that with the input added, gate and up; the rest is worked
    out again.
    """
    return width * shape.layers * (4 * shape.hidden + 2 * shape.kv_width + 2 * shape.feed_forward)


def logits_bytes(shape: Shape, positions: int = 256, copies: int = 4) -> int:
    """Logits exist for 256 positions at a time; with the hold on the base there are four of them at once, float32."""
    return 4 * copies * positions * shape.vocabulary


def training_flops_per_token(shape: Shape) -> int:
    """Two a weight forwards, two backwards: frozen weights get no gradient of their own."""
    return 4 * shape.multiplied


def forward_flops_per_token(shape: Shape) -> int:
    return 2 * shape.multiplied


def tables() -> Iterator[str]:
    yield "\n".join(_weights_table(QWEN_7B))
    yield "\n".join(_cache_table(QWEN_7B))
    yield "\n".join(_training_table(QWEN_7B))
    yield "\n".join(_time_table(QWEN_7B))


def _weights_table(shape: Shape) -> Iterator[str]:
    yield "| weights of 7.62 B parameters | bits a weight | GB |"
    yield "|---|---|---|"
    for how in ("float32", "bfloat16", "NF4", "Q4_K_M"):
        size = weight_bytes(shape, how)
        yield f"| {how} | {8 * size / shape.parameters:.2f} | {size / GB:.2f} |"
    adapter = lora_parameters(shape, 16)
    yield f"| adapter of rank 16, float32: {adapter / 1e6:.1f} M parameters | 32.00 | {4 * adapter / GB:.2f} |"


def _cache_table(shape: Shape) -> Iterator[str]:
    yield "| context, tokens | keys and values, GB | with Q4_K_M weights, GB |"
    yield "|---|---|---|"
    for tokens in (4_096, 16_384, 32_768):
        held = tokens * kv_bytes_per_token(shape)
        yield f"| {tokens:,} | {held / GB:.2f} | {(held + weight_bytes(shape, 'Q4_K_M')) / GB:.2f} |"


def _training_table(shape: Shape, tokens: int = 1_024, rank: int = 16) -> Iterator[str]:
    yield "| base held in | weights | adapter, gradient, Adam | kept of 1,024 tokens | logits | in all, GB |"
    yield "|---|---|---|---|---|---|"
    for how, width in (("float32", 4), ("bfloat16", 2), ("NF4", 2)):
        kept = tokens * activation_bytes_per_token(shape, width)
        parts = (weight_bytes(shape, how), trained_bytes(shape, rank), kept, logits_bytes(shape))
        numbers = " | ".join(f"{one / GB:.2f}" for one in (*parts, sum(parts)))
        yield f"| {how} | {numbers} |"


def _time_table(shape: Shape, tokens: int = 40_000) -> Iterator[str]:
    yield "| arithmetic reached | training 40,000 tokens | measuring two models |"
    yield "|---|---|---|"
    for name, flops in (
        (f"{MEASURED_FLOPS / 1e9:.0f} GFLOP/s: two cores, as measured with the default model", MEASURED_FLOPS),
        ("1 TFLOP/s: a large server without a GPU", 1e12),
        ("10 TFLOP/s: a GPU for games", 1e13),
        ("100 TFLOP/s: a third of what an A100 is rated at in bfloat16", 1e14),
    ):
        trained = tokens * training_flops_per_token(shape) / flops
        read = 2 * MEASURED_READ * forward_flops_per_token(shape) / flops
        yield f"| {name} | {_span(trained)} | {_span(read)} |"


def _q4_k_m_bytes(shape: Shape) -> float:
    """The mix of llama.cpp: Q6_K for the head and, in half of the layers, for v and down; Q4_K for the rest."""
    _, _, value, _, _, _, down = (rows * columns for rows, columns in shape.matrices)
    finer = sum(_more_bits(layer, shape.layers) for layer in range(shape.layers)) * (value + down) + shape.embedding
    quantised = shape.linear + shape.embedding * (1 if shape.tied else 2)
    small = shape.parameters - quantised
    return (finer * Q6_K_BITS + (quantised - finer) * Q4_K_BITS) / 8 + 4 * small


def _more_bits(layer: int, layers: int) -> bool:
    """llama.cpp's `use_more_bits`: the first eighth, the last, and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _nf4_bytes(shape: Shape) -> float:
    """Projections in NF4, all else in bfloat16."""
    return shape.linear * NF4_BITS / 8 + 2 * (shape.parameters - shape.linear)


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


if __name__ == "__main__":
    print("\n\n".join(tables()))
