"""Where an answer came from, on a home that has trained a night."""

from pathlib import Path

import pytest

from tests.flows.fakes import World
from tests.flows.interactions import asked, source
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.vectors.base import VectorEntry
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.errors import UsageError, VectorStoreError
from web4_agent.domain.ids import BASE, AdapterVersion, ChunkId, DocumentId
from web4_agent.domain.queries import Interaction, Route
from web4_agent.flows.provenance import Provenance, ProvenanceParts, why
from web4_agent.records import adapters, interactions
from web4_agent.steps.projection import HISTORY

ANSWER = "The limit is 64 since the pump on pier four overflowed in the night shift."
DOCUMENT = "2026-03-02/2026-03-02-UTC-0900-queue-limit.pdca.md"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("home")).write_journal()
    made.index()
    made.night()
    return made


def explained(world: World, number: int, **changes: object) -> Provenance:
    with world.database.begin() as connection:
        production = adapters.read_pointer(connection).production
        row = asked(number, **({"adapter": production, "answer": ANSWER} | changes))
        interactions.add(connection, [row])
    return why(parts(world), row.response)


def parts(world: World) -> ProvenanceParts:
    return ProvenanceParts(world.database, ScriptedEmbedder, lambda: world.store)


def test_the_nearest_trained_document_names_its_night_and_that_nights_verdict(world: World) -> None:
    found = explained(world, 1)
    assert found.nearest[0].document == DOCUMENT
    assert found.nearest[0].similarity > found.nearest[-1].similarity
    newest, base = found.lineage
    assert (newest.run, newest.decision, newest.documents) == ("night-2026-03-02-1", "promote", 6)
    assert newest.reasons
    assert (base.adapter, base.run, base.decision) == (BASE, None, "")
    assert (found.nearest[0].night, found.nearest[0].adapter) == (newest.run, newest.adapter)
    assert list(found.nearest[0].samples) == [newest.run]
    assert min(found.nearest[0].samples.values()) > 0
    assert (found.trained, found.gone, found.notes) == (6, 0, ())


def test_what_was_shown_is_named_with_its_figures(world: World) -> None:
    shown = (source(DOCUMENT), source("unknown.md", 2))
    found = explained(world, 2, route=Route.HISTORY, sources=shown)
    assert [(one.number, one.document, one.similarity) for one in found.sources] == [
        (1, DOCUMENT, 0.61),
        (2, "unknown.md", 0.61),
    ]
    assert found.sources[0].title
    assert found.sources[0].trained_into == found.interaction.adapter
    assert (found.sources[1].title, found.sources[1].trained_into) == ("", "")


def test_the_base_model_was_taught_nothing_and_says_so(world: World) -> None:
    found = explained(world, 3, adapter=BASE)
    assert found.nearest == ()
    assert "nothing of the journal was trained" in found.notes[0]


def test_an_answer_whose_text_is_gone_is_compared_with_nothing(world: World) -> None:
    found = explained(world, 4, query="", answer="")
    assert found.nearest == ()
    assert "not kept" in found.notes[0]


def test_an_adapter_that_the_ledger_has_forgotten_is_named(world: World) -> None:
    found = explained(world, 5, adapter=AdapterVersion("a-gone"))
    assert (found.lineage, found.nearest) == ((), ())
    assert "a-gone" in found.notes[0]


def test_a_document_of_another_lineage_is_not_named(world: World) -> None:
    other = VectorEntry(ChunkId("other#0"), DocumentId("other.md"), ANSWER, {})
    world.store.upsert(HISTORY, [other], ScriptedEmbedder().embed([ANSWER]))
    found = explained(world, 6)
    world.store.remove(HISTORY, [other.document])
    assert found.nearest[0].document == DOCUMENT
    assert other.document not in {one.document for one in found.nearest}


def test_an_answer_is_explained_as_far_as_possible_without_the_store(world: World) -> None:
    row = _row(world, 7)

    def broken() -> MemoryStore:
        raise VectorStoreError("another program holds the store")

    found = why(ProvenanceParts(world.database, ScriptedEmbedder, broken), row.response)
    assert len(found.lineage) == 2
    assert "another program holds the store" in found.notes[0]


def test_trained_documents_that_were_deleted_are_counted(tmp_path: Path) -> None:
    world = World(tmp_path).write_journal()
    world.index()
    world.night()
    (world.journal / DOCUMENT).unlink()
    world.index()
    found = explained(world, 1)
    assert (found.trained, found.gone) == (6, 1)
    assert DocumentId(DOCUMENT) not in {one.document for one in found.nearest}
    assert DOCUMENT not in set(world.store.ids(HISTORY).values())


def test_an_unknown_response_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="no response is called 'w4-nothing'"):
        why(parts(world), "w4-nothing")


def _row(world: World, number: int) -> Interaction:
    with world.database.begin() as connection:
        row = asked(number, adapter=adapters.read_pointer(connection).production, answer=ANSWER)
        interactions.add(connection, [row])
    return row
