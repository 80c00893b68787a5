"""What every vector store does. A store's test inherits from `VectorStoreContract` and says how it is made."""

import numpy as np
import pytest
from numpy.typing import NDArray

from web4_agent.backends.vectors.base import VectorEntry, VectorStore
from web4_agent.domain.errors import VectorStoreError
from web4_agent.domain.ids import ChunkId, DocumentId

COLLECTION = "pdca_historical"
DIMENSION = 8


def entry(chunk: str, document: str = "day/a.pdca.md", **metadata: str | float | bool) -> VectorEntry:
    return VectorEntry(ChunkId(chunk), DocumentId(document), f"text of {chunk}", metadata)


def toward(*axes: float) -> NDArray[np.float32]:
    """A vector with these first components and zeros after them."""
    return np.array([*axes, *[0.0] * (DIMENSION - len(axes))], dtype=np.float32)


def rows(*vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack(vectors)


class VectorStoreContract:
    @pytest.fixture
    def store(self) -> VectorStore:
        raise NotImplementedError

    def test_the_nearest_come_first_with_their_cosine(self, store: VectorStore) -> None:
        store.upsert(
            COLLECTION,
            [entry("far"), entry("near"), entry("middle")],
            rows(toward(-1), toward(1, 0.1), toward(1, 1)),
        )
        found = store.query(COLLECTION, toward(1), 3)
        assert [match.entry.id for match in found] == ["near", "middle", "far"]
        assert [match.similarity for match in found] == pytest.approx([0.995037, 0.707107, -1.0], abs=1e-5)

    def test_similarity_does_not_depend_on_length(self, store: VectorStore) -> None:
        store.upsert(COLLECTION, [entry("long")], rows(toward(30, 40)))
        assert store.query(COLLECTION, toward(0.3, 0.4), 1)[0].similarity == pytest.approx(1.0, abs=1e-5)
        assert store.query(COLLECTION, toward(0.3, 0.4), 1, among=[ChunkId("long")])[0].similarity == pytest.approx(1)

    def test_an_entry_comes_back_as_it_was_put_in(self, store: VectorStore) -> None:
        put = entry("c1", kind="plan", quality=81.5, position=3, ok_to_retrieve=True, emoji="🎯 §")
        store.upsert(COLLECTION, [put], rows(toward(1)))
        assert store.query(COLLECTION, toward(1), 1)[0].entry == put

    def test_an_entry_without_text_or_metadata_is_kept(self, store: VectorStore) -> None:
        put = VectorEntry(ChunkId("c1"), DocumentId("a"), "", {})
        store.upsert(COLLECTION, [put], rows(toward(1)))
        assert store.query(COLLECTION, toward(1), 1)[0].entry == put

    def test_writing_again_replaces(self, store: VectorStore) -> None:
        store.upsert(COLLECTION, [entry("c1", quality=1.0)], rows(toward(1)))
        store.upsert(COLLECTION, [entry("c1", quality=2.0), entry("c2")], rows(toward(0, 1), toward(1)))
        found = store.query(COLLECTION, toward(0, 1), 5)
        assert [(match.entry.id, dict(match.entry.metadata)) for match in found] == [
            ("c1", {"quality": 2.0}),
            ("c2", {}),
        ]

    def test_where_keeps_entries_whose_metadata_equal_it(self, store: VectorStore) -> None:
        put = [entry("a", kind="plan", ok=True), entry("b", kind="do", ok=True), entry("c", kind="do", ok=False)]
        store.upsert(COLLECTION, put, rows(toward(1), toward(1, 1), toward(0, 1)))
        assert [match.entry.id for match in store.query(COLLECTION, toward(1), 5, {"kind": "do"})] == ["b", "c"]
        assert [match.entry.id for match in store.query(COLLECTION, toward(1), 5, {"kind": "do", "ok": False})] == ["c"]
        assert store.query(COLLECTION, toward(1), 5, {"nobody": "has this"}) == []

    def test_among_keeps_these_chunks_and_ignores_unknown_ones(self, store: VectorStore) -> None:
        put = [entry("a", kind="plan"), entry("b", kind="do"), entry("c", kind="do")]
        store.upsert(COLLECTION, put, rows(toward(1), toward(1, 1), toward(0, 1)))
        wanted = [ChunkId(id_) for id_ in ("c", "a", "missing", "a")]
        assert [match.entry.id for match in store.query(COLLECTION, toward(1), 5, among=wanted)] == ["a", "c"]
        assert [match.entry.id for match in store.query(COLLECTION, toward(1), 1, among=wanted)] == ["a"]
        assert [match.entry.id for match in store.query(COLLECTION, toward(1), 5, {"kind": "do"}, wanted)] == ["c"]
        assert store.query(COLLECTION, toward(1), 5, among=[]) == []

    def test_no_more_than_asked_for_and_no_fewer_than_there_are(self, store: VectorStore) -> None:
        store.upsert(COLLECTION, [entry(str(n)) for n in range(5)], np.eye(5, DIMENSION, dtype=np.float32))
        assert len(store.query(COLLECTION, toward(1), 2)) == 2
        assert len(store.query(COLLECTION, toward(1), 500)) == 5

    def test_an_unknown_collection_is_an_empty_one(self, store: VectorStore) -> None:
        assert store.query("never_written", toward(1), 3) == []
        assert store.query("never_written", toward(1), 3, among=[ChunkId("a")]) == []
        assert store.ids("never_written") == {}
        store.remove("never_written", [DocumentId("a")])

    def test_collections_are_apart(self, store: VectorStore) -> None:
        store.upsert(COLLECTION, [entry("a")], rows(toward(1)))
        store.upsert("daily_buffer", [entry("b")], rows(toward(1)))
        assert store.ids(COLLECTION) == {"a": "day/a.pdca.md"}
        assert store.ids("daily_buffer") == {"b": "day/a.pdca.md"}

    def test_stored_vectors_are_given_back_for_the_chunks_that_are_there(self, store: VectorStore) -> None:
        store.upsert(COLLECTION, [entry("a"), entry("b")], rows(toward(1), toward(0, 1)))
        found = store.vectors(COLLECTION, [ChunkId("b"), ChunkId("absent"), ChunkId("a")])
        assert sorted(found) == ["a", "b"]
        np.testing.assert_allclose(found[ChunkId("b")], toward(0, 1), atol=1e-6)
        assert store.vectors("never_made", [ChunkId("a")]) == {}

    def test_removing_a_document_removes_its_chunks_alone(self, store: VectorStore) -> None:
        put = [entry("a1", "a"), entry("a2", "a"), entry("b1", "b"), entry("c1", "c")]
        store.upsert(COLLECTION, put, np.eye(4, DIMENSION, dtype=np.float32))
        store.remove(COLLECTION, [DocumentId("a"), DocumentId("c"), DocumentId("not there")])
        assert store.ids(COLLECTION) == {"b1": "b"}
        assert [match.entry.id for match in store.query(COLLECTION, toward(1), 5)] == ["b1"]
        store.remove(COLLECTION, [DocumentId("a")])
        store.remove(COLLECTION, [DocumentId("b")])
        assert store.query(COLLECTION, toward(1), 5) == []
        store.upsert(COLLECTION, [entry("a1", "a")], rows(toward(1)))
        assert store.ids(COLLECTION) == {"a1": "a"}

    def test_writing_nothing_is_no_error(self, store: VectorStore) -> None:
        store.upsert(COLLECTION, [], np.zeros((0, DIMENSION), dtype=np.float32))
        store.remove(COLLECTION, [])
        assert store.ids(COLLECTION) == {}

    def test_more_than_a_page_is_written_found_and_removed(self, store: VectorStore) -> None:
        count = 2300
        vectors = np.random.default_rng(1).standard_normal((count, DIMENSION)).astype(np.float32)
        store.upsert(COLLECTION, [entry(f"c{n}", f"d{n}") for n in range(count)], vectors)
        assert len(store.ids(COLLECTION)) == count
        assert store.query(COLLECTION, vectors[2222], 1)[0].entry.id == "c2222"
        assert len(store.query(COLLECTION, vectors[0], 9999, among=list(store.ids(COLLECTION)))) == count
        store.remove(COLLECTION, [DocumentId(f"d{n}") for n in range(count - 1)])
        assert store.ids(COLLECTION) == {"c2299": "d2299"}

    @pytest.mark.parametrize("name", ["", "ab", "has space", "../up", "Upper", "_edge", "x" * 64])
    def test_a_name_that_not_every_store_can_hold_is_refused(self, store: VectorStore, name: str) -> None:
        with pytest.raises(VectorStoreError, match="no name for a collection"):
            store.upsert(name, [entry("a")], rows(toward(1)))
        with pytest.raises(VectorStoreError, match="no name for a collection"):
            store.query(name, toward(1), 1)

    @pytest.mark.parametrize(
        ("entries", "vectors", "message"),
        [
            ([entry("a")], rows(toward(1), toward(1)), "shape"),
            ([entry("a"), entry("a")], rows(toward(1), toward(1)), "twice"),
            ([entry("a")], rows(toward(0)), "no direction"),
            ([entry("a")], rows(toward(float("nan"))), "no direction"),
            ([VectorEntry(ChunkId("a"), DocumentId("a"), "t", {"document": "b"})], rows(toward(1)), "document"),
        ],
    )
    def test_entries_that_make_no_sense_are_refused_before_anything_is_written(
        self, store: VectorStore, entries: list[VectorEntry], vectors: NDArray[np.float32], message: str
    ) -> None:
        with pytest.raises(VectorStoreError, match=message):
            store.upsert(COLLECTION, entries, vectors)
        assert store.ids(COLLECTION) == {}

    def test_vectors_of_another_embedder_are_refused(self, store: VectorStore) -> None:
        store.upsert(COLLECTION, [entry("a")], rows(toward(1)))
        with pytest.raises(VectorStoreError) as error:
            store.upsert(COLLECTION, [entry("b")], np.ones((1, DIMENSION + 1), dtype=np.float32))
        assert error.value.hint == "web4-agent doctor --fix"
        with pytest.raises(VectorStoreError):
            store.query(COLLECTION, np.ones(DIMENSION + 1, dtype=np.float32), 1)
        with pytest.raises(VectorStoreError):
            store.query(COLLECTION, np.ones(DIMENSION + 1, dtype=np.float32), 1, among=[ChunkId("a")])

    def test_closing_twice_is_no_error_and_loses_nothing(self, store: VectorStore) -> None:
        store.upsert(COLLECTION, [entry("a")], rows(toward(1)))
        store.close()
        store.close()
        assert store.ids(COLLECTION) == {"a": "day/a.pdca.md"}
