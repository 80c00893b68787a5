from collections.abc import Callable

import pytest

from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.vectors.base import VectorEntry
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.steps.retrieval import LexicalSearch, SearchPolicy, search

HISTORY, BUFFER = "pdca_historical", "daily_buffer"
COLLECTIONS = (HISTORY, BUFFER)
EMBEDDER = ScriptedEmbedder(dimension=256)
Fill = Callable[..., None]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def put(store: MemoryStore) -> Fill:
    def fill(chunk: str, text: str, *, document: str = "", collection: str = HISTORY, **metadata: str | bool) -> None:
        entry = VectorEntry(ChunkId(chunk), DocumentId(document or f"{chunk}.md"), text, metadata)
        store.upsert(collection, [entry], EMBEDDER.embed([text]))

    return fill


def by_words(*chunks: str) -> LexicalSearch:
    return lambda question, count: [(ChunkId(chunk), 1.0 / rank) for rank, chunk in enumerate(chunks, 1)][:count]


def test_the_nearest_document_comes_first_with_its_similarity(store: MemoryStore, put: Fill) -> None:
    put("port", "berthd listens on port 7420")
    put("tide", "tide tables come from utide")
    (found,) = search("which port does berthd use", EMBEDDER, store, COLLECTIONS)
    assert (found.document, found.chunk, found.collection) == ("port.md", "port", HISTORY)
    assert found.similarity > 0.3


def test_all_collections_are_searched(store: MemoryStore, put: Fill) -> None:
    put("old", "berthd port 7420")
    put("new", "berthd port 7421", collection=BUFFER)
    found = search("berthd port", EMBEDDER, store, COLLECTIONS)
    assert {(one.document, one.collection) for one in found} == {("old.md", HISTORY), ("new.md", BUFFER)}


def test_a_chunk_on_its_way_between_collections_is_found_once(store: MemoryStore, put: Fill) -> None:
    put("c", "berthd port 7420", collection=BUFFER)
    put("c", "berthd port 7420", collection=HISTORY)
    assert len(search("berthd port", EMBEDDER, store, COLLECTIONS, by_words("c"))) == 1


def test_a_document_comes_once_with_its_best_passage(store: MemoryStore, put: Fill) -> None:
    put("plan", "berthd port planned", document="a.md")
    put("check", "berthd port checked which port berthd", document="a.md")
    (found,) = search("which port berthd", EMBEDDER, store, COLLECTIONS)
    assert found.chunk == "check"


def test_words_lift_a_document_that_meaning_ranks_lower(store: MemoryStore, put: Fill) -> None:
    put("near", "how did the team fix the crash")
    put("exact", "how did the team fix HL-2107 in booking while late")
    question = "how did the team fix the crash"
    assert search(question, EMBEDDER, store, COLLECTIONS)[0].document == "near.md"
    assert search(question, EMBEDDER, store, COLLECTIONS, by_words("exact"))[0].document == "exact.md"


def test_a_chunk_that_only_words_found_is_read_from_the_store(store: MemoryStore, put: Fill) -> None:
    for number in range(5):
        put(f"near{number}", "berthd port")
    put("far", "berthd port and much else")
    policy = SearchPolicy(candidates=3)
    without = search("berthd port", EMBEDDER, store, COLLECTIONS, count=9, policy=policy)
    found = search("berthd port", EMBEDDER, store, COLLECTIONS, by_words("far"), count=9, policy=policy)
    assert "far.md" not in [one.document for one in without]
    (far,) = (one for one in found if one.document == "far.md")
    assert far.text.startswith("berthd port and much")
    assert 0.33 < far.similarity < 0.9


def test_nothing_irrelevant_is_returned_however_well_its_words_fit(store: MemoryStore, put: Fill) -> None:
    put("other", "tide tables come from utide and from nowhere else in the harbour")
    assert search("berthd port", EMBEDDER, store, COLLECTIONS, by_words("other")) == []
    lenient = SearchPolicy(similarity=-1.0)
    assert len(search("berthd port", EMBEDDER, store, COLLECTIONS, by_words("other"), policy=lenient)) == 1


def test_what_is_not_ok_to_retrieve_is_never_returned(store: MemoryStore, put: Fill) -> None:
    put("secret", "berthd port 7420", ok_to_retrieve=False)
    put("open", "berthd port 7421", ok_to_retrieve=True)
    found = search("berthd port 7420", EMBEDDER, store, COLLECTIONS, by_words("secret", "open"))
    assert [one.document for one in found] == ["open.md"]


def test_a_filter_holds_for_both_searches(store: MemoryStore, put: Fill) -> None:
    put("a", "berthd port", agent="Anna")
    put("b", "berthd port", agent="Ben")
    found = search("berthd port", EMBEDDER, store, COLLECTIONS, by_words("a", "b"), where={"agent": "Ben"})
    assert [one.document for one in found] == ["b.md"]


def test_a_chunk_that_the_ledger_knows_and_no_collection_holds_is_left_out(store: MemoryStore, put: Fill) -> None:
    put("a", "berthd port")
    found = search("berthd port", EMBEDDER, store, COLLECTIONS, by_words("gone", "a"))
    assert [one.document for one in found] == ["a.md"]


def test_no_more_documents_than_asked_for(store: MemoryStore, put: Fill) -> None:
    for number in range(6):
        put(str(number), "berthd port")
    assert len(search("berthd port", EMBEDDER, store, COLLECTIONS, count=2)) == 2
    assert search("berthd port", EMBEDDER, store, COLLECTIONS, count=0) == []


def test_no_question_and_no_collection_find_nothing(store: MemoryStore, put: Fill) -> None:
    put("a", "berthd port")
    assert search("  \n", EMBEDDER, store, COLLECTIONS, by_words("a")) == []
    assert search("berthd port", EMBEDDER, store, (), by_words("a")) == []
    assert search("berthd port", EMBEDDER, store, ("never_written",)) == []


def test_the_same_question_finds_the_same_in_the_same_order(store: MemoryStore, put: Fill) -> None:
    for number in range(20):
        put(str(number), f"berthd port {number % 3}")
    first = search("berthd port 1", EMBEDDER, store, COLLECTIONS, by_words("7", "4"), count=9)
    assert first == search("berthd port 1", EMBEDDER, store, COLLECTIONS, by_words("7", "4"), count=9)
