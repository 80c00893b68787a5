"""PEFT folder -> GGUF adapter for llama.cpp and Ollama. Called by the night's export step through the exporter seam.

The `gguf` package brings the container format and the names, no converter: the conversion is here, and is proven on a
float32 base, where a right one agrees within 0.01 nat per token and a wrong one is off by 0.1 and more.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from web4_agent.backends.exporters.gguf_names import Array, TensorLayout
from web4_agent.domain.errors import ModelError
from web4_agent.storage.atomic import publish_file

_PREFIX = "base_model.model."
_SIDES = {".lora_A.weight": ".weight.lora_a", ".lora_B.weight": ".weight.lora_b"}
_RETRAIN = "train with plain LoRA on the attention and MLP projections"


@dataclass(frozen=True, slots=True)
class GgufExporter:
    """Implements Exporter. Tensors are float32: an adapter is small, and half precision would blur the parity check."""

    @property
    def artefact_name(self) -> str:
        return "adapter.gguf"

    def export(self, base: Path, adapter: Path, artefact: Path) -> None:
        config = _read_json(base / "config.json")
        layout = TensorLayout.of_config(config)
        alpha = _alpha(_read_json(adapter / "adapter_config.json"))
        tensors = sorted(_converted(layout, _load(adapter / "adapter_model.safetensors")))
        publish_file(lambda path: _write(path, layout.model_type, alpha, tensors), artefact)


def _alpha(config: Mapping[str, Any]) -> float:
    """The alpha that makes llama.cpp's scale, alpha / rank, PEFT's. Raises ModelError on what GGUF can't say."""
    unsupported = [key for key in ("use_dora", "fan_in_fan_out", "modules_to_save", "alpha_pattern") if config.get(key)]
    if config.get("bias", "none") != "none":
        unsupported.append("bias")
    if config.get("peft_type") != "LORA" or unsupported:
        what = ", ".join(unsupported) or f"type {config.get('peft_type')}"
        raise ModelError(f"the adapter uses what GGUF adapters can't hold: {what}", _RETRAIN)
    alpha = float(config["lora_alpha"])
    return alpha * float(config["r"]) ** 0.5 if config.get("use_rslora") else alpha


def _converted(layout: TensorLayout, tensors: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """GGUF's names and row order. A has shape (rank, in), B (out, rank), as in PEFT."""
    name = layout.namer()
    for key, values in tensors.items():
        side = next((suffix for suffix in _SIDES if key.endswith(suffix)), None)
        if side is None or not key.startswith(_PREFIX):
            raise ModelError(f"the adapter holds {key}, which is no LoRA matrix of a linear layer", _RETRAIN)
        module = key.removeprefix(_PREFIX).removesuffix(side)
        yield name(module) + _SIDES[side], layout.rows(module, values) if side == ".lora_B.weight" else values


def _load(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise ModelError(f"{path} is missing", "adapters load from safetensors only: train again")
    try:
        return {key: value.float().numpy() for key, value in load_file(path).items()}
    except SafetensorError as error:
        raise ModelError(f"{path} is damaged: {error}", "web4-agent doctor") from error


def _write(path: Path, model_type: str, alpha: float, tensors: list[tuple[str, Array]]) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, model_type)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for name, values in tensors:
        writer.add_tensor(name, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read: {error}", "web4-agent doctor") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds no JSON object", "web4-agent doctor")
    return found
