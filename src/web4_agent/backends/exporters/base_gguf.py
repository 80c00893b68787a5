"""Base model in Hugging Face layout -> GGUF for llama.cpp: llama- and qwen2-type, with a byte-level BPE tokenizer.

Called by `base_model` for models that bring no GGUF, and by the export's proof, which needs a float32 base.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from web4_agent.backends.exporters.gguf_names import TensorLayout
from web4_agent.backends.exporters.gguf_tokenizer import add_tokenizer, copy_tokenizer
from web4_agent.domain.errors import ModelError
from web4_agent.storage.atomic import publish_file

_HINT = "give the model's own GGUF file as the source"


def write_base_gguf(folder: Path, out: Path, *, tokenizer_from: Path | None = None, half: bool = False) -> None:
    """Write `folder`'s weights to `out`, float32, or float16 for the matrices if `half`.

    The tokenizer is that of the GGUF `tokenizer_from`, or `folder`'s own. Raises ModelError naming what GGUF can't say.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    layout = TensorLayout.of_config(config)
    publish_file(lambda path: _write(path, folder, config, layout, tokenizer_from=tokenizer_from, half=half), out)


def _write(
    path: Path,
    folder: Path,
    config: Mapping[str, Any],
    layout: TensorLayout,
    *,
    tokenizer_from: Path | None,
    half: bool,
) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, layout.model_type)
    writer.add_type(gguf.GGUFType.MODEL)
    _add_shape(writer, config, layout)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if half else gguf.LlamaFileType.ALL_F32)
    if tokenizer_from:
        copy_tokenizer(tokenizer_from, writer)
    else:
        add_tokenizer(folder, writer)
    _add_weights(writer, folder, config, layout, half=half)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: Any, config: Mapping[str, Any], layout: TensorLayout) -> None:  # gguf ships no types
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        raise ModelError(f"scaled rotary positions ({rope.get('rope_type')}) are not converted", _HINT)
    head_size = int(config.get("head_dim") or config["hidden_size"] // layout.heads)
    writer.add_block_count(layout.layers)
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(layout.heads)
    writer.add_head_count_kv(layout.kv_heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_dimension_count(head_size)
    writer.add_rope_freq_base(float(rope.get("rope_theta", config.get("rope_theta", 10_000.0))))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_vocab_size(int(config["vocab_size"]))


def _add_weights(writer: Any, folder: Path, config: Mapping[str, Any], layout: TensorLayout, *, half: bool) -> None:
    """Sorted, so that equal folders give equal bytes. A tied output matrix is left out: llama.cpp ties it too."""
    from safetensors import safe_open

    name = layout.namer()
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for key in sorted(weights.keys()):
                if key == "lm_head.weight" and config.get("tie_word_embeddings"):
                    continue
                module, _, kind = key.rpartition(".")
                values = layout.rows(module, weights.get_tensor(key).float().numpy())
                matrix = values.ndim > 1
                writer.add_tensor(f"{name(module)}.{kind}", values.astype(np.float16) if half and matrix else values)
