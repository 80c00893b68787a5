"""Rollback: let another version serve, in one transaction, and let the documents follow their lineage.

Documents that only the version left behind was taught are quarantined, so that nothing is trained twice into a lineage
and nothing suspect goes in again unseen; going forward again takes them back. The move is a run with one step: a killed
rollback is ended by the same call, which does not go back twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from web4_agent.domain import tidings
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.errors import UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion, RunId
from web4_agent.domain.runs import RunState, StepRecord
from web4_agent.records import adapters, alerts, documents, runs
from web4_agent.steps.promote import converge, served
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive
from web4_agent.storage.payload import from_json, to_json

if TYPE_CHECKING:
    from web4_agent.backends.embedders.base import Embedder
    from web4_agent.backends.vectors.base import VectorStore

FLOW, MOVE = "rollback", "move"
NIGHT = "night"
"""The flow whose open run a rollback ends: what it would promote descends from the version left behind."""
BY_COMMAND = "rolled back by command"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why it is not a person's command: `source` must still serve, and `reason` is put on record."""

    source: AdapterVersion
    reason: str


@dataclass(frozen=True, slots=True)
class RollbackParts:
    database: Database
    home: Home
    artefact: str
    embedder: "Callable[[], Embedder]"
    open_store: "Callable[[], VectorStore]"
    now: Callable[[], datetime]
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class RolledBack:
    source: AdapterVersion
    target: AdapterVersion
    quarantined: int
    restored: int
    buffered: int


def roll_back(
    parts: RollbackParts,
    target: AdapterVersion | None,
    *,
    retrain: bool = False,
    serves: Callable[[RolledBack], None] = lambda done: None,
    cause: Cause | None = None,
) -> RolledBack:
    """Serve `target`, or the version before production. With `retrain`, documents left behind go back to the buffer.

    A move to the same end that was killed before all followed is ended, and no other is made. `serves` is told as soon
    as `target` serves, which is before the vectors follow: those may take minutes.

    Raises UsageError when there is no such version, it was rejected, or the cause no longer serves; ModelError
    or IntegrityError when its files are not whole: then nothing has changed.
    """
    with exclusive(parts.home.night_lock, doing="a rollback"), parts.database.exclusive(doing="a rollback"):
        killed = _killed(parts)
        if killed is not None and target in {None, killed[1].target}:
            run, done = killed
        else:
            with parts.database.begin() as connection:
                production = adapters.read_pointer(connection).production
                if cause is not None and cause.source != production:
                    raise UsageError(f"{cause.source} serves no longer: {production} does", "web4-agent adapters")
                adapter = _target(connection, target, production)
            served(adapter, parts.home, parts.artefact)  # its bytes are whole, or nothing happens
            parts.reached("rollback.check.done")
            run, done = _move(parts, adapter, cause, retrain=retrain)
        _serve(parts, done.target)
        serves(done)
        _let_vectors_follow(parts)
        parts.reached("rollback.follow.done")
        with parts.database.begin() as connection:
            runs.end(connection, run, RunState.DONE, parts.now())
            parts.reached("rollback.follow.committing")
        parts.reached("rollback.follow.committed")
    return done


def _killed(parts: RollbackParts) -> tuple[RunId, RolledBack] | None:
    """A rollback that moved the pointer to where it still stands, and did not end."""
    with parts.database.begin() as connection:
        run = runs.open_run(connection, FLOW)
        if run is None:
            return None
        done = from_json(RolledBack, runs.committed(connection, run.id)[MOVE].payload)
        pointer = adapters.read_pointer(connection)
        if (pointer.production, pointer.changed_utc) == (done.target, run.started_utc):
            return run.id, done
        runs.end(connection, run.id, RunState.DONE, parts.now())  # overtaken: another move has been made since
        return None


def _move(parts: RollbackParts, adapter: Adapter, cause: Cause | None, *, retrain: bool) -> tuple[RunId, RolledBack]:
    """The one transaction: the pointer moves, the documents follow their lineage, and the run says so."""
    now, why = parts.now(), cause.reason if cause else ""
    with parts.database.begin() as connection:
        source = adapters.read_pointer(connection).production
        if (overtaken := runs.open_run(connection, FLOW)) is not None:
            runs.end(connection, overtaken.id, RunState.DONE, now)
        _end_open_night(connection, now)
        run = runs.start(connection, FLOW, now.date(), now)
        adapters.move_pointer(connection, adapter.version, why or BY_COMMAND, now)
        lineage = [one.version for one in adapters.lineage(connection, adapter.version)]
        left, back = documents.follow_lineage(connection, lineage, documents.ROLLED_BACK, retrain=retrain, why=why)
        done = RolledBack(source, adapter.version, 0 if retrain else left, back, left if retrain else 0)
        runs.commit_step(connection, StepRecord(run.id, MOVE, 0.0, now, to_json(done)))
        if cause is None:  # whoever has a cause tells of it
            alerts.put(connection, tidings.rolled_back(source, adapter.version, done.quarantined, done.buffered, now))
        parts.reached("rollback.move.committing")
    parts.reached("rollback.move.committed")
    return run.id, done


def _end_open_night(connection: Connection, now: datetime) -> None:
    """A night that was killed before it chose gives its documents back: they may be taught already where this leads."""
    night = runs.open_run(connection, NIGHT)
    if night is not None and not {"promote", "reject"} & set(runs.committed(connection, night.id)):
        documents.release(connection, night.id, f"another model serves since {night.id} began")
        runs.end(connection, night.id, RunState.FAILED, now)


def _serve(parts: RollbackParts, version: AdapterVersion) -> None:
    with parts.database.begin() as connection:
        adapter = adapters.get(connection, version)
    assert adapter is not None, "the pointer's foreign key"
    converge(adapter, parts.home, parts.artefact)
    parts.reached("rollback.converged")


def _let_vectors_follow(parts: RollbackParts) -> None:
    """Documents move within the journal's collections; what does not differ needs no embedder. Imported here: numpy
    comes with it, and a rollback is counted from the key press until the old version answers."""
    from web4_agent.steps.projection import JOURNAL, follows, synchronise

    store = parts.open_store()
    try:
        if not follows(parts.database, store, JOURNAL):
            embedder = parts.embedder()
            synchronise(
                parts.database, store, embedder, only=JOURNAL, reached=lambda point: parts.reached(f"rollback.{point}")
            )
    finally:
        store.close()


def _target(connection: Connection, wanted: AdapterVersion | None, production: AdapterVersion) -> Adapter:
    current = adapters.get(connection, production)
    version = wanted or (current.parent if current else None)
    if version is None:
        raise UsageError(f"{production} has no version before it", "web4-agent adapters")
    adapter = adapters.get(connection, version)
    if adapter is None:
        raise UsageError(f"no adapter is called {version}", "web4-agent adapters")
    if adapter.state is AdapterState.REMOVED:
        raise UsageError(f"{version} was removed as one that nothing needed any more", "web4-agent backup --list")
    if adapter.state is not AdapterState.PROMOTED:
        raise UsageError(f"{version} is {adapter.state}: it never passed its gate", "web4-agent adapters")
    if version == production:
        raise UsageError(f"{version} serves already", "web4-agent adapters")
    return adapter
