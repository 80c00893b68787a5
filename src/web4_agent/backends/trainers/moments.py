"""Adam's moments beside an adapter: where one night's optimiser stops, the next one goes on. Called by `training_loop`
and `checkpoint`.

An optimiser that begins anew moves every parameter by the whole rate in its first steps, whatever the gradient's size:
a night of a few steps is mostly that noise. With its moments it knows how large a gradient is usual for each: measured
in docs/learning.md. Tensors are safetensors in float32, twice the size of the adapter.
"""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from web4_agent.backends.trainers.peft_folder import MOMENTS_NAME

log = logging.getLogger(__name__)
SLOTS = ("exp_avg", "exp_avg_sq", "step")


def write_moments(folder: Path, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Into `folder`, which exists: `NAME.exp_avg`, `NAME.exp_avg_sq` and `NAME.step` for each parameter."""
    state = optimizer.state
    kept = {
        f"{name}.{slot}": state[parameter][slot].detach().cpu()
        for name, parameter in parameters.items()
        for slot in SLOTS
        if parameter in state
    }
    save_file(kept, folder / MOMENTS_NAME)


def take_up_moments(folder: Path, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> bool:
    """Set the optimiser's moments to those in `folder`; whether they were taken.

    A folder without any, or with those of other parameters (an older version's, one from elsewhere), or a file that
    can't be read, leaves the optimiser as new; the last two are logged.
    """
    path = folder / MOMENTS_NAME
    if not path.is_file():
        return False
    try:
        found = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        log.warning("trainer.moments_unreadable file=%s error=%s", path, error)
        return False
    wanted = {f"{name}.{slot}": one.shape for name, one in parameters.items() for slot in SLOTS[:-1]}
    wanted |= {f"{name}.{SLOTS[-1]}": torch.Size() for name in parameters}
    if {name: one.shape for name, one in found.items()} != wanted:
        log.warning("trainer.moments_of_another_adapter file=%s", path)
        return False
    slots = {at: {slot: found[f"{name}.{slot}"] for slot in SLOTS} for at, name in enumerate(parameters)}
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return True


def copy_moments(source: Path, target: Path) -> None:
    """From folder to folder, where there are any."""
    if (source / MOMENTS_NAME).is_file():
        shutil.copyfile(source / MOMENTS_NAME, target / MOMENTS_NAME)
