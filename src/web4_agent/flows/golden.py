"""Golden moves: by a person's command alone, with a reason, to a version of the lineage that serves.

Called by `web4-agent gate golden`. Golden is the floor that no night may fall below, so that no night and no timetable
moves it. One transaction holds the move and the run that remembers why. The next night measures golden anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.errors import UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.runs import RunState, StepRecord
from web4_agent.records import adapters, runs
from web4_agent.steps.promote import served
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive
from web4_agent.storage.payload import from_json, to_json

FLOW, MOVE = "golden", "move"
DOING = "a move of golden"


@dataclass(frozen=True, slots=True)
class GoldenParts:
    database: Database
    home: Home
    artefact: str
    now: Callable[[], datetime]
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class GoldenMove:
    source: AdapterVersion
    target: AdapterVersion
    why: str
    at_utc: datetime


def move_golden(parts: GoldenParts, target: AdapterVersion, why: str) -> GoldenMove:
    """Let `target` be golden from the next night on.

    Raises UsageError when there is no reason, no such version, it is golden already, or it is not of the lineage that
    serves; ModelError or IntegrityError when its files are not whole; BusyError while a night runs: then nothing has
    changed.
    """
    if not why.strip():
        raise UsageError("a move of golden has no reason", f'web4-agent gate golden {target} --why "…"')
    with exclusive(parts.home.night_lock, doing=DOING), parts.database.exclusive(doing=DOING):
        with parts.database.read() as connection:
            source, adapter = adapters.read_pointer(connection).golden, _target(connection, target)
        served(adapter, parts.home, parts.artefact)  # its bytes are whole, or nothing happens
        moved = GoldenMove(source, target, why.strip(), parts.now())
        with parts.database.begin() as connection:
            adapters.set_golden(connection, target)
            run = runs.start(connection, FLOW, moved.at_utc.date(), moved.at_utc)
            runs.commit_step(connection, StepRecord(run.id, MOVE, 0.0, moved.at_utc, to_json(moved)))
            runs.end(connection, run.id, RunState.DONE, moved.at_utc)
            parts.reached("golden.move.committing")
        parts.reached("golden.move.committed")
    return moved


def golden_moves(database: Database) -> tuple[GoldenMove, ...]:
    """Every move of golden, oldest first. What a forgetting has erased since is not among them."""
    with database.read() as connection:
        steps = (runs.committed(connection, run.id).get(MOVE) for run in runs.ended(connection, FLOW))
        moves = [from_json(GoldenMove, step.payload) for step in steps if step is not None and step.payload]
    return tuple(sorted(moves, key=lambda move: move.at_utc))


def _target(connection: Connection, wanted: AdapterVersion) -> Adapter:
    pointer = adapters.read_pointer(connection)
    adapter = adapters.get(connection, wanted)
    if adapter is None:
        raise UsageError(f"no adapter is called {wanted}", "web4-agent adapters")
    if wanted == pointer.golden:
        raise UsageError(f"{wanted} is golden already", "web4-agent adapters")
    if wanted != BASE and adapter.state is not AdapterState.PROMOTED:
        raise UsageError(f"{wanted} is {adapter.state} and can't be golden", "web4-agent adapters")
    if wanted not in {one.version for one in adapters.lineage(connection, pointer.production)}:
        raise UsageError(f"{wanted} is no ancestor of {pointer.production}, which serves", "web4-agent adapters")
    return adapter
