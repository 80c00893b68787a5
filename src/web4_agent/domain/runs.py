"""A run of a flow: its named steps, each committed once."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from web4_agent.domain.ids import RunId


class RunState(StrEnum):
    OPEN = "open"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    NOTHING_NEW = "nothing new"
    DONE = "done"
    FAILED = "failed"
    """Ended by an error that running again can't mend; an error that it can leaves the run open."""


@dataclass(frozen=True, slots=True)
class Run:
    id: RunId
    flow: str
    day: date
    state: RunState
    started_utc: datetime
    ended_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A committed step. `payload` is what later steps need of it, as JSON text."""

    run: RunId
    name: str
    seconds: float
    committed_utc: datetime
    payload: str
    peak_rss_bytes: int = 0
