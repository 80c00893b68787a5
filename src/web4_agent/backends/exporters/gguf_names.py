"""What GGUF files of llama- and qwen2-type models call their tensors, and in which order they keep rows.

Called by the GGUF readers and writers of this folder. Knows nothing of files.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.errors import ModelError

Array = NDArray[np.float32]
_QUERY = "q_proj"
_KEY = "k_proj"
_OUTSIDE = ("model.embed_tokens", "model.norm", "lm_head")
_INSIDE = (
    *("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"),
    *("post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
)


@dataclass(frozen=True, slots=True)
class TensorLayout:
    """`heads` and `kv_heads` matter to llama-type models alone, whose q and k rows GGUF keeps in another order."""

    model_type: str
    layers: int
    heads: int
    kv_heads: int

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> "TensorLayout":
        """`config` is the parsed config.json. Raises ModelError naming an unsupported model type."""
        model_type = str(config.get("model_type"))
        if model_type not in {"llama", "qwen2"}:
            raise ModelError(f"a model of type {model_type} can't be exported", "choose one of type llama or qwen2")
        heads = int(config["num_attention_heads"])
        return cls(model_type, int(config["num_hidden_layers"]), heads, int(config.get("num_key_value_heads") or heads))

    def namer(self) -> Callable[[str], str]:
        """A function from a Hugging Face module name (`model.layers.0.mlp.up_proj`) to GGUF's (`blk.0.ffn_up`)."""
        import gguf

        arch = gguf.MODEL_ARCH.LLAMA if self.model_type == "llama" else gguf.MODEL_ARCH.QWEN2
        names = gguf.get_tensor_name_map(arch, self.layers)

        def name(module: str) -> str:
            found = names.get_name(module)
            if found is None:
                raise ModelError(f"no GGUF name for {module} of a {self.model_type} model", "web4-agent doctor")
            return str(found)

        return name

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Every parameter such a model may have: (GGUF's name, Hugging Face's name)."""
        name = self.namer()
        inside = [f"model.layers.{layer}.{module}" for layer in range(self.layers) for module in _INSIDE]
        for module in (*_OUTSIDE, *inside):
            for kind in ("weight", "bias"):
                yield f"{name(module)}.{kind}", f"{module}.{kind}"

    def rows(self, module: str, values: Array) -> Array:
        """The rows of `module`'s weight, bias or LoRA B in GGUF's order; `values` has shape (rows, …)."""
        heads = self._heads_of(module)
        return permuted(values, heads) if heads else values

    def original_rows(self, module: str, values: Array) -> Array:
        """The inverse of `rows`."""
        heads = self._heads_of(module)
        return unpermuted(values, heads) if heads else values

    def _heads_of(self, module: str) -> int:
        """How many heads the rows of `module` are reordered by; 0 if they are not."""
        if self.model_type != "llama":
            return 0
        if module.endswith(_QUERY):
            return self.heads
        return self.kv_heads if module.endswith(_KEY) else 0


def permuted(values: Array, heads: int) -> Array:
    """Hugging Face rotates the two halves of a head, llama.cpp neighbouring rows: put row i of the first half next to
    row i of the second, head by head. `values` has shape (heads · head size, …)."""
    half = values.shape[0] // heads // 2
    split = values.reshape(heads, 2, half, *values.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(values.shape))


def unpermuted(values: Array, heads: int) -> Array:
    """The inverse of `permuted`."""
    half = values.shape[0] // heads // 2
    split = values.reshape(heads, half, 2, *values.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(values.shape))
