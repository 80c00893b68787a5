"""When maintenance was last done, from the runs it leaves and the tables that know of a task by themselves."""

from datetime import datetime

from sqlalchemy import Connection

from web4_agent.domain.ids import BASE
from web4_agent.domain.maintenance import Due, Rhythm, Upkeep, dues
from web4_agent.domain.runs import RunState
from web4_agent.records import adapters, calibrations, evaluations, runs


def standing(connection: Connection, now: datetime) -> tuple[Due, ...]:
    """How every rhythm stands. What was never done counts from when the base model was registered, else from now."""
    base = adapters.get(connection, BASE)
    return dues(_ran(connection), last_done(connection), base.created_utc if base else now, now)


def last_done(connection: Connection) -> dict[str, datetime]:
    """When each task was last done, by name: by maintenance, or, where it has a table of its own, by any command."""
    found = {name: step.committed_utc for name, step in runs.latest_steps(connection, tuple(Rhythm)).items()}
    audit, evaluated = calibrations.latest_audit(connection), evaluations.latest_complete(connection)
    elsewhere = {
        Upkeep.AUDIT: audit.at_utc if audit else None,
        Upkeep.EVALUATION: evaluated.at_utc if evaluated else None,
        Upkeep.CALIBRATION: calibrations.newest(connection),
    }
    for name, at in elsewhere.items():
        if at is not None:
            found[name] = max(at, found.get(name, at))
    return found


def _ran(connection: Connection) -> dict[Rhythm, datetime]:
    ended = {rhythm: runs.last_ended(connection, rhythm, RunState.DONE) for rhythm in Rhythm}
    return {rhythm: at for rhythm, at in ended.items() if at is not None}
