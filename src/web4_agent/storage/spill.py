"""Lines that wait in a file until the database takes them again.

Called by the query log. Several processes may share one file: a lock beside it keeps writers and readers apart, and
whoever reads it back moves it aside first, so that writers need not wait. Knows nothing of what a line says.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from filelock import FileLock, Timeout

from web4_agent.domain.errors import BusyError
from web4_agent.storage.atomic import translated_os_errors

LOCK_TIMEOUT_S = 10.0
"""A writer holds the lock for one write and fsync."""


class SpillFile:
    """A file of lines that only grows, until it was read back whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_suffix(".replaying")
        self._lock = path.with_suffix(".lock")
        self._replay_lock = path.with_suffix(".replay-lock")

    @property
    def path(self) -> Path:
        return self._path

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines, durable when this returns. Raises DiskFullError, HomeError, BusyError."""
        with translated_os_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _held(self._lock, LOCK_TIMEOUT_S), self._path.open("ab") as file:
                if file.tell() and not _ends_whole(self._path):
                    file.write(b"\n")  # a writer was killed in the middle of a line
                file.writelines(line + b"\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())

    def replay(self, take: Callable[[Sequence[bytes]], object], page: int = 1000) -> int:
        """Hand all lines to `take`, page by page in order, then remove them; returns how many there were.

        When `take` raises, they stay and the next replay begins anew: `take` must bear repetition. While another
        process replays, nothing is done. Raises DiskFullError, HomeError, BusyError and what `take` raises.
        """
        count = 0
        try:
            while self._aside.exists() or self._path.exists():
                with translated_os_errors(self._path), _held(self._replay_lock, 0.0):
                    self._set_aside()
                    count += _read(self._aside, take, page)
                    self._aside.unlink(missing_ok=True)
        except BusyError:
            return count
        return count

    def _set_aside(self) -> None:
        if not self._aside.exists():
            with _held(self._lock, LOCK_TIMEOUT_S):
                self._path.replace(self._aside)


def _read(path: Path, take: Callable[[Sequence[bytes]], object], page: int) -> int:
    count = 0
    with path.open("rb") as file:
        while lines := [line.strip() for line in islice(file, page)]:
            take([line for line in lines if line])
            count += len(lines)
    return count


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


@contextmanager
def _held(path: Path, timeout_s: float) -> Iterator[None]:
    try:
        with FileLock(path, timeout=timeout_s):
            yield
    except Timeout as error:
        raise BusyError(f"another process holds {path}", "wait for it to end") from error
