"""What the ledger and the night's lock say of nights, whoever began them: a person, a timer, a process that is gone."""

from datetime import datetime

from sqlalchemy import Connection

from web4_agent.domain.errors import BusyError
from web4_agent.domain.home import Home
from web4_agent.domain.runs import Run, RunState
from web4_agent.records import runs
from web4_agent.storage.lock import exclusive

NIGHT = "night"
_ENDED = frozenset({RunState.PROMOTED, RunState.REJECTED, RunState.NOTHING_NEW, RunState.DONE})
_RECENT = 10


def open_night(connection: Connection) -> Run | None:
    return runs.open_run(connection, NIGHT)


def ended_night(connection: Connection, due: datetime) -> Run | None:
    """The latest night that began since `due` and has ended; one that lives a day of the past again is none."""
    for night in runs.recent(connection, NIGHT, _RECENT):
        if night.started_utc >= due and night.day >= due.date() and night.state in _ENDED:
            return night
    return None


def latest_night(connection: Connection) -> Run | None:
    return next(iter(runs.recent(connection, NIGHT, 1)), None)


def night_is_running(home: Home) -> bool:
    """Whether any process on this machine is at a night now."""
    try:
        with exclusive(home.night_lock, doing="looking whether a night runs"):
            return False
    except BusyError:
        return True
