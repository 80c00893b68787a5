"""A device that stands in for a GPU where there is none: its tensors can't meet those of the processor.

Values lie in the processor's memory and are computed there, so results can be compared. What a GPU would refuse is
refused: an operation on tensors of both devices (a single number may come along), and reading values without fetching
them first. Run as a program it trains and scores on this device and prints what came out, as JSON: in a process of its
own, because a device, once known to torch, can't be taken back.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

NAME = "away"


def register() -> torch.device:
    """Make the device known to torch, which never forgets it."""
    from torch.utils import backend_registration

    backend_registration._setup_privateuseone_for_python_backend(NAME)
    torch.Generator = _DrawnHere  # type: ignore[misc] # the device has no generator of its own
    return torch.device(NAME, 0)


class _DrawnHere(torch.Generator):
    def __new__(cls, device: Any = None) -> "_DrawnHere":
        return super().__new__(cls, "cpu")  # type: ignore[call-arg] # torch types it as an object's


class AwayTensor(torch.Tensor):
    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor, device: torch.device) -> "AwayTensor":
        made: AwayTensor = torch.Tensor._make_wrapper_subclass(
            cls,
            here.shape,
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            device=device,
        )
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override] # a class method, as torch asks
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        return self.here.tolist()


class Away(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch's own
    """Within it, tensors are made and moved to the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: Any) -> Any:
    tensors = [each for each in pytree.tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
    away = [each for each in tensors if isinstance(each, AwayTensor)]
    here = [each for each in tensors if not isinstance(each, AwayTensor) and each.dim()]
    if away and here and func is not torch.ops.aten.copy_.default:
        raise RuntimeError(f"tensors of two devices in {func}")
    asked = kwargs.get("device")
    goes = torch.device(asked).type == NAME if asked is not None else bool(away)
    if asked is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    plain_args, plain_kwargs = pytree.tree_map_only(AwayTensor, lambda one: one.here, (args, kwargs))
    out = func(*plain_args, **plain_kwargs)
    if not goes:
        return out
    known = {id(one.here): one for one in away}
    device = torch.device(NAME, 0)
    return pytree.tree_map_only(
        torch.Tensor, lambda one: known[id(one)] if id(one) in known else AwayTensor(one, device), out
    )


def main(base: Path, folder: Path) -> dict[str, Any]:
    """Trains, teaches preferences with dropout, and scores, all on the device."""
    from tests.backends.trainers.away_jobs import REQUESTS, taught, trained
    from web4_agent.backends.trainers.placement import Placement
    from web4_agent.backends.trainers.scoring import score
    from web4_agent.backends.trainers.worker_protocol import ScoreJob

    os.environ["HF_DEACTIVATE_ASYNC_LOAD"] = "1"  # `Away` holds in its own thread
    placement = Placement(register())
    with Away():  # type: ignore[no-untyped-call] # torch's own
        first = trained(base, folder, placement)
        second = taught(base, folder, first, placement)
        scores = score(ScoreJob(base, first.folder, REQUESTS), placement)
    return {
        "losses": [first.first_loss, first.last_loss, first.kl],
        "taught": second.last_loss,
        "scores": [each.mean for each in scores],
    }


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), Path(sys.argv[2])), sys.stdout)
