"""A base model's GGUF -> a folder in Hugging Face layout for the trainer: float32 safetensors, config, tokenizer.

Called by `base_model`. Read here rather than by transformers' own loader, which reads the file four times over and
leaves marks of a quantised model behind that forbid training.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from web4_agent.backends.exporters.gguf_names import Array, TensorLayout
from web4_agent.domain.errors import ModelError

_HINT = "choose a base model of type llama or qwen2 with plain rotary positions"
_LONG_LISTS = ("tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.scores", "tokenizer.ggml.token_type")
_ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}


def write_hf_folder(gguf_file: Path, folder: Path) -> str:
    """Fill `folder`, which exists. Returns the model type. Raises ModelError if the GGUF is damaged or unsupported."""
    import gguf

    try:
        reader = gguf.GGUFReader(gguf_file)
    except (ValueError, OSError, IndexError) as error:
        raise ModelError(f"{gguf_file} is no readable GGUF file: {error}", "fetch the file again") from error
    facts = {key: field.contents() for key, field in reader.fields.items() if not key.startswith(_LONG_LISTS)}
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    if "token_embd.weight" not in tensors:
        raise ModelError(f"{gguf_file} holds no base model", _HINT)
    vocabulary = int(tensors["token_embd.weight"].shape[1])
    config = _config(facts, vocabulary, tied="output.weight" not in tensors)
    _write_config(config, folder)
    _write_weights(TensorLayout.of_config(config), tensors, folder)
    _write_tokenizer(gguf_file, str(facts.get("tokenizer.ggml.pre", "")), folder)
    return str(config["model_type"])


def _config(facts: Mapping[str, Any], vocabulary: int, *, tied: bool) -> dict[str, Any]:
    """config.json's fields. Raises ModelError on a model type or on positions that aren't supported."""
    kind = str(facts.get("general.architecture"))
    if kind not in _ARCHITECTURES:
        raise ModelError(f"the GGUF holds a model of type {kind}", _HINT)
    if facts.get(f"{kind}.rope.scaling.type", "none") != "none":
        raise ModelError("the model scales its rotary positions", _HINT)
    try:
        heads, width = int(facts[f"{kind}.attention.head_count"]), int(facts[f"{kind}.embedding_length"])
        config: dict[str, Any] = {
            "model_type": kind,
            "architectures": [_ARCHITECTURES[kind]],
            "vocab_size": vocabulary,
            "hidden_size": width,
            "intermediate_size": int(facts[f"{kind}.feed_forward_length"]),
            "num_hidden_layers": int(facts[f"{kind}.block_count"]),
            "num_attention_heads": heads,
            "num_key_value_heads": int(facts.get(f"{kind}.attention.head_count_kv", heads)),
            "head_dim": int(facts.get(f"{kind}.attention.key_length", width // heads)),
            "max_position_embeddings": int(facts[f"{kind}.context_length"]),
            "rms_norm_eps": float(facts[f"{kind}.attention.layer_norm_rms_epsilon"]),
            "rope_parameters": {"rope_type": "default", "rope_theta": float(facts[f"{kind}.rope.freq_base"])},
            "tie_word_embeddings": tied,
        }
    except KeyError as error:
        raise ModelError(f"the GGUF lacks {error}", "fetch the file again") from error
    for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding")):
        if f"tokenizer.ggml.{key}_token_id" in facts:
            config[f"{name}_token_id"] = int(facts[f"tokenizer.ggml.{key}_token_id"])
    return config


def _write_config(config: Mapping[str, Any], folder: Path) -> None:
    import torch
    from transformers import AutoConfig, GenerationConfig

    found = AutoConfig.for_model(**config, dtype=torch.float32)
    found.save_pretrained(str(folder))
    GenerationConfig.from_model_config(found).save_pretrained(str(folder))


def _write_weights(layout: TensorLayout, tensors: Mapping[str, Any], folder: Path) -> None:
    """Dequantise every tensor. Raises ModelError naming one that has no place in the model."""
    from safetensors.numpy import save_file

    weights = dict(_dequantised(layout, tensors))
    left = sorted(set(tensors) - {gguf_name for gguf_name, _ in layout.parameters() if gguf_name in tensors})
    if left:
        raise ModelError(f"the GGUF holds a tensor that is not expected: {left[0]}", _HINT)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _dequantised(layout: TensorLayout, tensors: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    import gguf

    for gguf_name, name in layout.parameters():
        if gguf_name in tensors:
            tensor = tensors[gguf_name]
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
            yield name, np.ascontiguousarray(layout.original_rows(name.rpartition(".")[0], values))


def _write_tokenizer(gguf_file: Path, split_rule: str, folder: Path) -> None:
    """The rule that splits digits apart gets lost on the way through transformers, and the trainer would read "2025" as
    other tokens than the engine: it is put back where the GGUF asks for it."""
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(gguf_file.parent), gguf_file=gguf_file.name, local_files_only=True)
    if split_rule == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    tokenizer.save_pretrained(str(folder))
