"""One run at a time: an OS file lock, which the system drops when its holder dies however it dies."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from web4_agent.domain.errors import BusyError
from web4_agent.storage.atomic import translated_os_errors


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as it said when it took it: what it does, and the number of its process on this machine."""

    doing: str
    process: int


@contextmanager
def exclusive(path: Path, *, doing: str) -> Iterator[None]:
    """Hold the lock file `path` while the body runs; never waits.

    Raises BusyError naming what the holder does and its process, as far as it could be read.
    """
    holder = path.with_suffix(".holder")
    lock = FileLock(path, blocking=False)
    with translated_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise BusyError(
                f"another run holds {path}: {_holder(holder)}", "wait for it to end, then type the same command again"
            ) from error
    try:
        with translated_os_errors(holder):
            holder.write_text(json.dumps({"doing": doing, "process": os.getpid()}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def holder(path: Path) -> Holder | None:
    """Who holds the lock `path` on this machine, without touching it; None where nobody says so or lives any more."""
    found = _read(path.with_suffix(".holder"))
    return found if found is not None and psutil.pid_exists(found.process) else None


def _holder(path: Path) -> str:
    found = _read(path)
    return f"{found.doing} (process {found.process})" if found else "a process that has not said what it does"


def _read(path: Path) -> Holder | None:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return Holder(str(held["doing"]), int(held["process"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
