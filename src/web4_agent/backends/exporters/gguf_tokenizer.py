"""A byte-level BPE tokenizer's metadata for a GGUF file: copied from another GGUF, or read from a Hugging Face folder.

Called by `base_gguf`. llama.cpp knows split rules by name, not by pattern, so only rules with a known name are written.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from web4_agent.domain.errors import ModelError

_HINT = "give the model's own GGUF file as the source"
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5
_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3_SPLIT = _QWEN2_SPLIT.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
_SPLIT_NAMES = {_QWEN2_SPLIT: "qwen2", _LLAMA3_SPLIT: "llama-bpe"}


def copy_tokenizer(source: Path, writer: Any) -> None:  # gguf ships no types
    """Copy every `tokenizer.*` field of the GGUF `source`."""
    import gguf

    for key, field in gguf.GGUFReader(source).fields.items():
        if key.startswith("tokenizer."):
            kind, *inner = field.types
            writer.add_key_value(key, field.contents(), kind, sub_type=inner[-1] if inner else None)


def add_tokenizer(folder: Path, writer: Any) -> None:
    """Read tokenizer.json, the special tokens and the chat template of `folder`. Raises ModelError on another kind."""
    from transformers import AutoTokenizer

    try:
        parsed = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        vocabulary = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder} holds no readable tokenizer: {error}", _HINT) from error
    if parsed["model"]["type"] != "BPE":
        raise ModelError(f"a tokenizer of type {parsed['model']['type']} is not converted", _HINT)
    tokens, kinds = _tokens(parsed, int(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_split_name(parsed.get("pre_tokenizer") or {}))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in parsed["model"]["merges"]])
    writer.add_add_bos_token(tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id])
    ids = (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    )
    for add, token in ids:
        if token is not None:
            add(int(token))
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)


def _tokens(parsed: Mapping[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Token texts and llama.cpp's kinds by id, `size` of them; ids without a token are filled with unused ones."""
    tokens = [f"[PAD{index}]" for index in range(size)]
    kinds = [_UNUSED] * size
    for token, index in parsed["model"]["vocab"].items():
        tokens[index], kinds[index] = token, _NORMAL
    for added in parsed.get("added_tokens", ()):
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = _CONTROL if added["special"] else _USER_DEFINED
    return tokens, kinds


def _split_name(pre_tokenizer: Mapping[str, Any]) -> str:
    """llama.cpp's name of the rule that splits text before merging."""
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    kinds = [part.get("type") for part in parts]
    if kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits"):
        return "smollm"
    if kinds == ["Split", "ByteLevel"]:
        pattern = str(parts[0].get("pattern", {}).get("Regex"))
        if pattern in _SPLIT_NAMES:
            return _SPLIT_NAMES[pattern]
    raise ModelError("llama.cpp has no known name for this tokenizer's split rule", _HINT)
