"""What the settings of `training` mean on this machine: a device, a number type, the bits of the frozen weights.

Called by the trainer's child process, which alone has torch and a look at the machine; `PeftTrainer` only passes on
what was set. Nothing here loads a model.
"""

import importlib.util
from dataclasses import dataclass

import torch

from web4_agent.backends.trainers.packing import PACK_TOKENS
from web4_agent.domain.errors import SettingsError
from web4_agent.domain.training import Compute

GPU_PACK_TOKENS = 4096
"""Tokens a pack holds on a GPU, no more than a step does: a 7 B model keeps some 3 MB a token for its backward pass."""
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BITS = (4, 16)


@dataclass(frozen=True, slots=True)
class Placement:
    """`dtype` is that of frozen weights and activations; LoRA parameters and optimiser are float32 everywhere."""

    device: torch.device
    dtype: torch.dtype = torch.float32
    base_bits: int = 16

    @property
    def plain(self) -> bool:
        """The processor in float32: what the default is on a machine without a GPU."""
        return self.device.type == "cpu" and self.dtype is torch.float32 and self.base_bits == 16

    @property
    def on_cpu(self) -> bool:
        return self.device.type == "cpu"

    @property
    def pack_tokens(self) -> int:
        return PACK_TOKENS if self.on_cpu else GPU_PACK_TOKENS

    def __str__(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        where = f"{self.device} ({name})" if name else str(self.device)
        bits = ", base in 4 bits (NF4)" if self.base_bits == 4 else ""
        return f"{where}, {str(self.dtype).removeprefix('torch.')}{bits}"


ON_CPU = Placement(torch.device("cpu"))


def place(compute: Compute) -> Placement:
    """Raises SettingsError, naming the setting, for what is unknown or not at hand here."""
    device = _device(compute.device)
    return Placement(device, _dtype(compute.precision, device), _bits(compute.base_bits))


def _device(asked: str) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "auto":
        return torch.device("cuda", 0) if count else torch.device("cpu")
    if asked == "cpu":
        return torch.device("cpu")
    kind, _, number = asked.partition(":")
    if kind != "cuda" or (number and not number.isdecimal()):
        raise SettingsError(
            f"training.device = {asked!r} is none of auto, cpu, cuda, cuda:N", "correct training.device"
        )
    if not count:
        raise SettingsError(
            f"training.device = {asked!r}, but PyTorch {torch.__version__} sees no GPU here",
            'set training.device = "cpu", or install the driver and a PyTorch that is built for it',
        )
    index = int(number or 0)
    if index >= count:
        raise SettingsError(
            f"training.device = {asked!r}, but the last GPU here is cuda:{count - 1}",
            f"set training.device to one of cuda:0 to cuda:{count - 1}",
        )
    return torch.device("cuda", index)


def _dtype(asked: str, device: torch.device) -> torch.dtype:
    able = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    if asked == "auto":
        return torch.bfloat16 if able else torch.float32
    if asked not in PRECISIONS:
        raise SettingsError(
            f"training.precision = {asked!r} is none of auto, float32, bfloat16", "correct training.precision"
        )
    if asked == "bfloat16" and device.type == "cuda" and not able:
        raise SettingsError(
            f"training.precision = 'bfloat16', which {torch.cuda.get_device_name(device)} does not compute in",
            'set training.precision = "auto"',
        )
    return PRECISIONS[asked]


def _bits(asked: int) -> int:
    if asked not in BITS:
        raise SettingsError(f"training.base_bits = {asked} is neither 16 nor 4", "correct training.base_bits")
    if asked == 4 and importlib.util.find_spec("bitsandbytes") is None:
        raise SettingsError(
            "training.base_bits = 4 needs the library bitsandbytes, which is not installed",
            "pip install 'web4-agent[qlora]', or set training.base_bits = 16",
        )
    return asked
