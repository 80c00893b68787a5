"""What a killed training continues from: LoRA parameters, optimiser state, how far it came. Called by `training_loop`.

A checkpoint is a folder `checkpoint-000010` in the job's work folder, published atomically; only the newest is kept.
Tensors are safetensors and the rest is JSON: nothing is pickled, so nothing runs when one is read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from web4_agent.storage.atomic import publish_folder, remove_folder

PREFIX = "checkpoint-"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training came. `fingerprint` names the job; `kl` is that of the last step with
    general samples, nats per token."""

    fingerprint: str
    step: int = 0
    first_loss: float = 0.0
    last_loss: float = 0.0
    kl: float = 0.0
    seconds: float = 0.0


def save(work: Path, progress: Progress, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Durable before the older ones go. Saving the same step again changes nothing."""

    def build(folder: Path) -> None:
        save_file({name: tensor.detach().cpu() for name, tensor in parameters.items()}, folder / "adapter.safetensors")
        state = {
            f"{index}.{key}": value.cpu()
            for index, slots in optimizer.state_dict()["state"].items()
            for key, value in slots.items()
        }
        save_file(state, folder / "optimizer.safetensors")
        (folder / "progress.json").write_text(json.dumps(asdict(progress)), encoding="utf-8")

    newest = work / f"{PREFIX}{progress.step:06d}"
    publish_folder(build, newest)
    for folder in _checkpoints(work):
        if folder != newest:
            remove_folder(folder)


def load(work: Path, fingerprint: str, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> Progress:
    """Continue from the newest checkpoint of this very job: parameters and optimiser are set in place.

    Checkpoints of another job, or that can't be read, are removed and training starts anew.
    """
    for folder in reversed(_checkpoints(work)):
        try:
            progress = Progress(**json.loads((folder / "progress.json").read_text(encoding="utf-8")))
            adapter = load_file(folder / "adapter.safetensors")
            state = load_file(folder / "optimizer.safetensors")
        except (OSError, ValueError, TypeError, SafetensorError):
            remove_folder(folder)
            continue
        if progress.fingerprint == fingerprint and adapter.keys() == parameters.keys():
            _restore(adapter, state, parameters, optimizer)
            return progress
        remove_folder(folder)
    return Progress(fingerprint)


def clear(work: Path) -> None:
    for folder in _checkpoints(work):
        remove_folder(folder)


def _restore(
    adapter: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    with torch.no_grad():
        for name, tensor in parameters.items():
            tensor.copy_(adapter[name])
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        index, key = name.split(".", 1)
        slots.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


def _checkpoints(work: Path) -> list[Path]:
    return sorted(path for path in work.glob(f"{PREFIX}*") if path.is_dir())
