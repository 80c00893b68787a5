"""One run at a time: an OS file lock, which the system drops when its holder dies however it dies."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from web4_agent.domain.errors import BusyError
from web4_agent.storage.atomic import translated_os_errors


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


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return f"{held['doing']} (process {held['process']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has not said what it does"
