"""Run named steps so that a process killed at any instant goes on where it was, and no step takes effect twice.

A step does its work (`do`), which may publish folders and files, each atomically and idempotently; then its domain
rows and its own row are committed in one transaction (`commit`). A step whose row is there is never run again: its
outcome is read back. Called by flows; knows nothing of what the steps do.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import psutil
from sqlalchemy import Connection

from web4_agent.domain.errors import ClockError
from web4_agent.domain.ids import RunId
from web4_agent.domain.runs import StepRecord
from web4_agent.records import runs
from web4_agent.storage.database import Database
from web4_agent.storage.payload import from_json, to_json

T = TypeVar("T")
CLOCK_TOLERANCE_S = 60.0
MEMORY_SAMPLE_S = 0.2


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """`outcome` is the dataclass that `do` returns and later steps read. `commit` writes domain rows, no more."""

    name: str
    outcome: type[T]
    do: Callable[[], T]
    commit: Callable[[Connection, T], None] = lambda connection, outcome: None


@dataclass(slots=True)
class Runner:
    """Runs the steps of one run, in the order they are asked for.

    `reached` is called at the commit points that tests kill the process at: `STEP.started`, `STEP.done` (published, not
    committed), `STEP.committing` and `STEP.committed`. `announce` tells a watcher of each step's begin and end.
    """

    database: Database
    run: RunId
    now: Callable[[], datetime]
    announce: Callable[[str, StepRecord | None], None] = lambda name, record: None
    reached: Callable[[str], None] = lambda point: None
    _committed: dict[str, StepRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.database.begin() as connection:
            self._committed = runs.committed(connection, self.run)

    def step(self, step: Step[T]) -> T:
        """The step's outcome: computed and committed now, or read back if it was committed before."""
        if (record := self._committed.get(step.name)) is not None:
            return from_json(step.outcome, record.payload)
        self.reached(f"{step.name}.started")
        self.announce(step.name, None)
        started = time.monotonic()
        with _PeakMemory() as memory:
            outcome = step.do()
        self.reached(f"{step.name}.done")
        record = StepRecord(
            self.run, step.name, time.monotonic() - started, self.now(), to_json(outcome), memory.peak_bytes
        )
        self.database.keep_holding()
        with self.database.begin() as connection:
            step.commit(connection, outcome)
            runs.commit_step(connection, record)
            self.reached(f"{step.name}.committing")
        self._committed[step.name] = record
        self.announce(step.name, record)
        self.reached(f"{step.name}.committed")
        return outcome

    @property
    def records(self) -> tuple[StepRecord, ...]:
        """The committed steps, in the order they were committed."""
        return tuple(self._committed.values())


def require_forward_clock(database: Database, now: datetime) -> None:
    """Raises ClockError when the clock stands before the last committed step: days and order would be wrong."""
    with database.begin() as connection:
        last = runs.last_moment(connection)
    if last is not None and (last - now).total_seconds() > CLOCK_TOLERANCE_S:
        raise ClockError(
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, but the last step was committed at {last:%Y-%m-%d %H:%M} UTC",
            "set the clock right (timedatectl), then run again; where it is right and ran ahead before: "
            "web4-agent evening --trust-clock",
        )


def steady(now: Callable[[], datetime]) -> Callable[[], datetime]:
    """A clock that creeps while the machine's goes back: of two looks the later is always dated later."""
    latest = now()

    def read() -> datetime:
        nonlocal latest
        latest = max(latest + timedelta(microseconds=1), now())
        return latest

    return read


class _PeakMemory:
    """The largest resident size of this process and its children while the body ran, looked at five times a second.

    Shared pages count once for each process that maps them, so the figure errs on the high side.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> "_PeakMemory":
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._look()
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(MEMORY_SAMPLE_S):
            self._look()

    def _look(self) -> None:
        me = psutil.Process()
        total = me.memory_info().rss
        for child in me.children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.Error:  # ended between the listing and the look
                continue
        self.peak_bytes = max(self.peak_bytes, total)
