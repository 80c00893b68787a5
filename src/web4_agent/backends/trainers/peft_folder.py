"""A PEFT folder on disk: `adapter_config.json` and `adapter_model.safetensors`, read strictly, written reproducibly.

Called by the trainers. Knows nothing of torch: parameters are numpy arrays by their PEFT names.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from web4_agent.domain.errors import ModelError
from web4_agent.storage.atomic import publish_folder

CONFIG_NAME = "adapter_config.json"
WEIGHTS_NAME = "adapter_model.safetensors"
MOMENTS_NAME = "optimizer.safetensors"
"""The optimiser's moments, where the trainer leaves them: the next night goes on with them."""

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Config = dict[str, Json]
Parameters = Mapping[str, NDArray[np.float32]]


def read_config(folder: Path) -> Config:
    """Raises ModelError naming what is missing or broken."""
    path = folder / CONFIG_NAME
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"no readable {CONFIG_NAME} in {folder}", "web4-agent doctor") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ModelError(f"{path} does not describe a LoRA adapter", "web4-agent doctor")
    return config


def read_parameters(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The parameters by name. Only safetensors are read: a pickled adapter is code and gives a ModelError."""
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        pickled = sorted(folder.glob("*.bin"))
        what = f"{pickled[0].name} is pickled and is not loaded" if pickled else f"there is no {WEIGHTS_NAME}"
        raise ModelError(f"{folder}: {what}", "convert the adapter to safetensors, or choose another one")
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path} can't be read: {error}", "web4-agent doctor") from error


def write_folder(folder: Path, config: Config, parameters: Parameters) -> None:
    """Fill `folder`, which exists. Equal config and parameters give equal bytes; keys are sorted."""
    text = json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / CONFIG_NAME).write_text(text + "\n", encoding="utf-8", newline="\n")
    ordered = {name: np.ascontiguousarray(parameters[name], dtype=np.float32) for name in sorted(parameters)}
    save_file(ordered, folder / WEIGHTS_NAME, metadata={"format": "pt"})


def interpolate(start: Path, end: Path, weight: float, out: Path) -> None:
    """Publish `out` with parameters start + weight · (end - start) and the config of `end`.

    Weights 0 and 1 give the very values of `start` and `end`; the optimiser's moments are those of `end`. Raises
    ModelError if the two do not have equal shapes.
    """
    first, last = read_parameters(start), read_parameters(end)
    if {name: array.shape for name, array in first.items()} != {name: array.shape for name, array in last.items()}:
        raise ModelError(
            f"{start} and {end} do not hold the same parameters", "rebuild the adapter from the base model"
        )
    mixed = {name: _between(first[name], last[name], weight) for name in last}
    config = read_config(end)

    def build(folder: Path) -> None:
        write_folder(folder, config, mixed)
        if (end / MOMENTS_NAME).is_file():
            shutil.copyfile(end / MOMENTS_NAME, folder / MOMENTS_NAME)

    publish_folder(build, out)


def _between(first: NDArray[np.float32], last: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    if weight == 1.0:
        return last
    wide = first.astype(np.float64) + weight * (last.astype(np.float64) - first.astype(np.float64))
    return wide.astype(np.float32)
