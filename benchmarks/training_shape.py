"""The arithmetic that training a model of some shape can't do without. For the training benchmarks."""

import json
from dataclasses import dataclass
from pathlib import Path

from web4_agent.backends.trainers.packing import Step


@dataclass(frozen=True)
class Shape:
    """What the arithmetic depends on. `body` and `lora`: multiplications a token in a forward pass, LoRA at rank 1."""

    width: int
    inner: int
    layers: int
    vocabulary: int
    attended: int
    body: int
    lora: int

    @classmethod
    def of(cls, base: Path) -> "Shape":
        said = json.loads((base / "config.json").read_text(encoding="utf-8"))
        width, inner, layers = said["hidden_size"], said["intermediate_size"], said["num_hidden_layers"]
        head = said.get("head_dim") or width // said["num_attention_heads"]
        query, key = head * said["num_attention_heads"], head * said["num_key_value_heads"]
        sizes = [(width, query), (width, key), (width, key), (query, width), *[(width, inner)] * 2, (inner, width)]
        body, lora = sum(i * o for i, o in sizes), sum(i + o for i, o in sizes)
        return cls(width, inner, layers, said["vocab_size"], query, layers * body, layers * lora)

    def needed_flop(self, step: Step, rank: int, *, with_kl: bool) -> float:
        """Operations that this step can't do without: two a multiplication; attention's backward is 2.5 forwards."""
        flop = 0.0
        for pack in step.packs:
            attention = sum(2 * length * length * self.attended * self.layers for length in pack.lengths)
            head = 2 * self.width * self.vocabulary * sum(sample.loss_tokens for sample in pack.samples)
            flop += pack.tokens * (4 * self.body + 6 * rank * self.lora) + 3.5 * attention + 2 * head
            if pack.general and with_kl:
                flop += pack.tokens * 2 * self.body + attention + head
        return flop
