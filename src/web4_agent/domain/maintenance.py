"""Maintenance: which tasks there are and how often each is due, what came of one, and what is overdue.

The names are plain words: commands, documents and the ledger all use these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Rhythm(StrEnum):
    """How often; each takes in the tasks of those before it."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"

    @property
    def days(self) -> int:
        return _DAYS[self]

    @property
    def takes_in(self) -> tuple["Rhythm", ...]:
        """Itself and the shorter ones."""
        return tuple(one for one in Rhythm if one.days <= self.days)


_DAYS = {Rhythm.WEEKLY: 7, Rhythm.MONTHLY: 31, Rhythm.QUARTERLY: 92}
GRACE_DAYS = 2
"""Nobody is reminded on the very day."""


class Upkeep(StrEnum):
    """The tasks, in the order they run in."""

    DOCTOR = "doctor check"
    NIGHTS = "nights and timetable"
    TARGETS = "report against targets"
    QUARANTINE = "quarantine"
    BACKUPS = "backups"
    DISK = "disk room"
    ALERTS = "alerts"
    AUDIT = "gate audit"
    REHEARSAL = "restore rehearsal"
    RETRIEVAL = "retrieval health"
    SATISFACTION = "satisfaction trend"
    TEXTS = "text retention"
    TOOLS = "tool packs"
    KEYS = "key review"
    REBUILD = "rebuild from base"
    GOLDEN = "golden review"
    EVALUATION = "full evaluation"
    CALIBRATION = "gate calibration"

    @property
    def rhythm(self) -> Rhythm:
        return _RHYTHMS[self]

    @property
    def heavy(self) -> bool:
        """Minutes to hours, with the machine to itself."""
        return self in _HEAVY


_MONTHLY = (Upkeep.REHEARSAL, Upkeep.RETRIEVAL, Upkeep.SATISFACTION, Upkeep.TEXTS, Upkeep.TOOLS)
_QUARTERLY = (Upkeep.KEYS, Upkeep.REBUILD, Upkeep.GOLDEN, Upkeep.EVALUATION, Upkeep.CALIBRATION)
_RHYTHMS = {
    **dict.fromkeys(Upkeep, Rhythm.WEEKLY),
    **dict.fromkeys(_MONTHLY, Rhythm.MONTHLY),
    **dict.fromkeys(_QUARTERLY, Rhythm.QUARTERLY),
}
_HEAVY = frozenset({Upkeep.AUDIT, Upkeep.EVALUATION, Upkeep.CALIBRATION})


class TaskState(StrEnum):
    WELL = "well"
    """Done, and nothing is amiss."""
    ATTENTION = "needs you"
    """Done, and something is amiss that takes a person."""
    FAILED = "failed"
    """It could not be done; it stays due."""
    LEFT_OUT = "left out"
    """By an option; it stays due."""


@dataclass(frozen=True, slots=True)
class Todo:
    """What a person must still do, and the command to type for it."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task found, in a sentence, and what it leaves to do. `amiss`: something is not as it should be; else what
    is left is only what no command can do."""

    found: str
    todo: tuple[Todo, ...] = ()
    amiss: bool = False

    @property
    def state(self) -> TaskState:
        return TaskState.ATTENTION if self.amiss else TaskState.WELL


@dataclass(frozen=True, slots=True)
class Due:
    """One rhythm as it stands. `last_utc`: when it, or a longer one, last ran to its end; None: never. `due_utc`: when
    it is next due. `behind`: its own tasks that were left out or failed and are due since."""

    rhythm: Rhythm
    last_utc: datetime | None
    due_utc: datetime
    behind: tuple[Upkeep, ...]

    def overdue(self, now: datetime) -> bool:
        return now > self.due_utc + timedelta(days=GRACE_DAYS)


def dues(
    ran: Mapping[Rhythm, datetime], done: Mapping[str, datetime], founded_utc: datetime, now: datetime
) -> tuple[Due, ...]:
    """How every rhythm stands. `ran`: when each last ran to its end; `done`: when each task was last done, by name;
    what was never done counts from when the home was made."""
    found = []
    for rhythm in Rhythm:
        last = max((at for one, at in ran.items() if rhythm in one.takes_in), default=None)
        span = timedelta(days=rhythm.days)
        limit = now - span - timedelta(days=GRACE_DAYS)
        behind = tuple(one for one in Upkeep if one.rhythm is rhythm and done.get(one, founded_utc) < limit)
        found.append(Due(rhythm, last, (last or founded_utc) + span, behind))
    return tuple(found)
