"""Nights in an instant: what a promoted night leaves behind, without what it takes to get there."""

import json
from datetime import date, timedelta

from tests.flows.fakes import ARTEFACT, DAY, World
from tests.flows.pages import page, write
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.runs import RunState
from web4_agent.records import adapters, documents, runs
from web4_agent.steps.projection import synchronise
from web4_agent.steps.promote import CONFIG, MANIFEST, WEIGHTS, converge, version_of
from web4_agent.storage.database import Database


def promoted(world: World, night: int, *, pages: int = 2) -> AdapterVersion:
    """The adapter of night number `night`, which serves; its new pages are history."""
    day = DAY + timedelta(days=night)
    for at in range(pages):
        words = f"Night {night}, matter {at}: " + " ".join(f"w{night}a{at}b{n}" for n in range(20))
        write(world.journal, f"1{at}00-n{night}", page(f"matter {night} {at}", words), day.isoformat())
    world.index()
    return promote_buffer(world, day)


def promote_buffer(world: World, day: date = DAY) -> AdapterVersion:
    """A promoted night of what is in the buffer."""
    with world.database.begin() as connection:
        run = runs.start(connection, "night", day, world.clock())
        production = adapters.read_pointer(connection).production
        rows = documents.in_state(connection, DocumentState.BUFFERED, until=day)
        claimed = [(row.id, row.content_hash) for row in rows]
    adapter = _adapter(world, run.id, production)
    with world.database.begin() as connection:
        documents.claim(connection, run.id, claimed)
        adapters.add(connection, adapter)
        adapters.add_documents(connection, adapter.version, claimed)
        documents.settle(connection, run.id, adapter.version, world.clock())
        adapters.move_pointer(connection, adapter.version, f"promoted by {run.id}", world.clock())
        runs.end(connection, run.id, RunState.PROMOTED, world.clock())
    synchronise(world.database, world.store, ScriptedEmbedder())
    converge(adapter, world.home, ARTEFACT)
    return adapter.version


def production(database: Database) -> AdapterVersion:
    with database.read() as connection:
        return adapters.read_pointer(connection).production


def _adapter(world: World, run: str, parent: AdapterVersion) -> Adapter:
    made = world.home.adapters / f"{run}-made"
    made.mkdir()
    for name in (CONFIG, WEIGHTS, ARTEFACT):
        (made / name).write_text(f"{name} of {run} after {parent}")
    version, weights, artefact = version_of(made, ARTEFACT)
    (made / MANIFEST).write_text(json.dumps({"verdict": {"decision": "promote", "candidate_hash": artefact}}))
    made.rename(world.home.adapter(version))
    with world.database.begin() as connection:
        known = runs.open_run(connection, "night")
    assert known is not None
    return Adapter(version, parent, AdapterState.PROMOTED, artefact, weights, known.id, 1.0, world.clock())
