"""A job of the timetable, and what the ledger knows of one run of it: which job, for which day, how it went."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class JobName(StrEnum):
    INDEX = "index"
    EVENING = "evening"
    MORNING = "morning"


class JobState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    ANSWERED_NO = "answered no"
    """Done, and the answer is no: the candidate was rejected, today's model is worse. Running again would not help."""
    FAILED = "failed"
    """Tried again after a pause, as long as its window and its tries last."""
    CUT_OFF = "cut off"
    """Whoever ran it was killed, or the power went. Tried again at once; it counts as a try."""
    STOPPED = "stopped"
    """Told to stop. Goes on when it is next looked at; it counts as no try."""
    WAITING = "waiting"
    """Something else held what it needs (a night by hand). It counts as no try."""
    GIVEN_UP = "given up"
    MISSED = "missed"
    """Its window passed and it never began."""

    @property
    def final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({JobState.DONE, JobState.ANSWERED_NO, JobState.GIVEN_UP, JobState.MISSED})


@dataclass(frozen=True, slots=True)
class JobRun:
    """The ledger's row: one a job and day, however often it was tried.

    `day` is the local date of `due_utc`. `started_utc` is when it was first tried, None if never; `ended_utc` when its
    state was last settled, None while it runs. `host` is the machine that runs or ran it.
    """

    job: JobName
    day: date
    due_utc: datetime
    state: JobState
    attempts: int = 0
    started_utc: datetime | None = None
    ended_utc: datetime | None = None
    exit_code: int | None = None
    detail: str = ""
    host: str = ""
