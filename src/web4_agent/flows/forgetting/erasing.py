"""The one transaction in which the ledger forgets, and how a newer forgetting takes over what an older one had left.

Called by the story. Writes the ledger and nothing else.
"""

from datetime import datetime

from sqlalchemy import Connection

from web4_agent.domain import tidings
from web4_agent.domain.ids import RunId
from web4_agent.domain.runs import Run, RunState
from web4_agent.flows.forgetting.marks import Marks
from web4_agent.flows.forgetting.parts import Replay
from web4_agent.flows.forgetting.plan import NIGHT, Plan
from web4_agent.records import adapters, alerts, collections, erased_queries, erasures, feedback_uses, forgettings, runs
from web4_agent.steps.projection import COLLECTIONS

LENGTHS_TOLD = (tidings.LONGEST_NAME, tidings.LONGEST_FACT)


def wipe(connection: Connection, plan: Plan, marks: Marks, run: Run, now: datetime) -> None:
    """All of it or nothing: texts, graph, samples, queries, adapters, pointer, and the nights that are to be replayed.

    The epochs are raised, so that every reader drops what it has in memory.
    """
    names = marks.documents
    erasures.give_up_open_night(connection, NIGHT, now)
    rows = sorted({*plan.rows, *erasures.versions_of(connection, names)})
    adapters.move_pointer(connection, plan.target, f"forgotten by {run.id}", now)
    erasures.unpoint(connection, plan.removed, plan.golden)
    erased_queries.erase_queries(connection, plan.responses, names)
    erasures.erase_nights(connection, plan.touched, plan.trained, names)
    feedback_uses.erase(connection, plan.trained)
    erasures.erase_documents(connection, rows, run.id, run.day, now)
    erasures.remove_adapters(connection, plan.removed, plan.left, plan.touched)
    forgettings.put_forgotten(connection, run.id, rows, now)
    nights = [*plan.nights, *forgettings.nights_of(connection, run.id)]
    wanted = forgettings.wish_of(connection, run.id).replay != Replay.NEVER
    forgettings.put_nights(connection, run.id, nights if wanted else [])
    scrub(connection, marks)
    for name in COLLECTIONS:
        collections.raise_epoch(connection, name)


def scrub(connection: Connection, marks: Marks) -> None:
    """Take its names out of whatever else mentions them. Alerts hold them as they are told: cleaned, and cut."""
    cleaned = {tidings.clean(one, longest) for one in marks.known_by for longest in LENGTHS_TOLD}
    alerts.strike_out(connection, *marks.known_by, *cleaned)
    erasures.scrub(connection, marks.known_by)


def close(connection: Connection, run: RunId, now: datetime) -> None:
    """End a forgetting, and tell of it: how many documents, and what serves; their names are told no more."""
    serving = adapters.read_pointer(connection).production
    alerts.put(connection, tidings.forgetting_done(run, forgettings.documents_of(connection, run), serving, now))
    runs.end(connection, run, RunState.DONE, now)


def take_over(connection: Connection, old: RunId, new: RunId, now: datetime) -> None:
    """End a forgetting that has nights left; the newer one replays them after its own, which are earlier ones."""
    committed = runs.committed(connection, old)
    nights = forgettings.nights_of(connection, old)
    left = [night for at, night in enumerate(nights) if f"night-{at}" not in committed]
    forgettings.put_nights(connection, new, left)
    forgettings.put_nights(connection, old, [])
    close(connection, old, now)
