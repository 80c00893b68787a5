"""How far a run is, in a small file that other processes read: the dashboard shows a night that another process trains.

Called by flows around a run, and by whoever shows it. The file is written at most once a second and at every step's
begin; it is a convenience and never the truth, which is the ledger: losing it loses nothing. It is never synced, so it
must lie where nothing is published: a folder that is made for it would look as if it would outlive a power cut.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from web4_agent.domain.errors import IntegrityError
from web4_agent.domain.ids import RunId
from web4_agent.domain.progress import Watcher
from web4_agent.storage.atomic import TEMPORARY_PREFIX
from web4_agent.storage.payload import from_json, to_json

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` (0: not known) in `step`; `left_s` seconds were expected to be left when it was written."""

    run: RunId
    step: str
    done: int = 0
    total: int = 0
    left_s: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What the file says, and how old that is. The age is by this machine's clock and the file's own time."""

    progress: Progress
    age_s: float


@dataclass(slots=True)
class ToldProgress:
    """A watcher that passes on what it is told and writes it to `file`, whose folder is there. The step `last` ends it:
    the file goes."""

    inner: Watcher
    file: Path
    run: RunId
    last: str
    _written_s: float = field(default=-EVERY_S, init=False)

    def started(self, step: str) -> None:
        if step == self.last:
            remove_progress(self.file)
        else:
            self._write(Progress(self.run, step))
        self.inner.started(step)

    def advanced(self, step: str, done: int, total: int, left_s: float | None = None, note: str = "") -> None:
        if step != self.last and time.monotonic() - self._written_s >= EVERY_S:
            self._write(Progress(self.run, step, done, total, left_s, note))
        self.inner.advanced(step, done, total, left_s, note)

    def finished(self, step: str, seconds: float) -> None:
        self.inner.finished(step, seconds)

    def _write(self, progress: Progress) -> None:
        """Replaced in one step, so that a reader sees all of it or the one before; not synced, since it may be lost."""
        self._written_s = time.monotonic()
        temporary = _temporary(self.file)
        try:
            temporary.write_text(to_json(progress), encoding="utf-8")
            temporary.replace(self.file)
        except OSError:  # a full disk costs this line of the dashboard; the run's own files tell of the disk
            remove_progress(self.file)


def read_progress(file: Path, run: RunId) -> Told | None:
    """What is said of this run; None where there is no such file, it is of another run, or it can't be read."""
    try:
        written_s = file.stat().st_mtime
        progress = from_json(Progress, file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, IntegrityError):
        return None
    return Told(progress, max(0.0, time.time() - written_s)) if progress.run == run else None


def remove_progress(file: Path) -> None:
    """What a killed run left of it, too. None is no error."""
    for path in (_temporary(file), file):
        try:
            path.unlink(missing_ok=True)
        except OSError:  # as above: it is only told
            continue


def _temporary(file: Path) -> Path:
    return file.with_name(f"{TEMPORARY_PREFIX}{file.name}")
