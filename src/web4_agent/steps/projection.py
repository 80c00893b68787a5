"""Making the vector collections equal to the ledger: what is buffered in one, what is history in the other.

Called after every change of the ledger's documents and by doctor. The ledger is never changed here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorEntry, VectorStore
from web4_agent.domain.documents import Chunk, DocumentState
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.records import chunks, collections, documents
from web4_agent.storage.database import Database

BUFFER = "daily_buffer"
HISTORY = "pdca_historical"
COLLECTIONS = (BUFFER, HISTORY)
BATCH = 256


@dataclass(frozen=True, slots=True)
class Difference:
    """What one collection lacks, and what it holds that the ledger does not."""

    collection: str
    missing: tuple[DocumentId, ...]
    surplus: tuple[DocumentId, ...]

    @property
    def empty(self) -> bool:
        return not self.missing and not self.surplus


def differences(database: Database, store: VectorStore) -> tuple[Difference, ...]:
    """One entry a collection. A document with any chunk too few or too many is in both lists."""
    with database.begin() as connection:
        states = documents.live_states(connection)
        expected = chunks.ids(connection)
    wanted: dict[str, dict[ChunkId, DocumentId]] = {name: {} for name in COLLECTIONS}
    for chunk, document in expected.items():
        if document in states:
            wanted[_collection(states[document])][chunk] = document
    return tuple(_difference(name, wanted[name], store.ids(name)) for name in COLLECTIONS)


def synchronise(
    database: Database,
    store: VectorStore,
    embedder: Embedder,
    advanced: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Repair every difference; returns how many chunks were written. Safe to repeat and to interrupt."""
    found = [one for one in differences(database, store) if not one.empty]
    total = 0
    for one in found:
        _remove(store, one.collection, set(one.surplus) & set(one.missing))  # edited: the old chunks go first
    for one in found:
        total += _write(database, store, embedder, one, advanced)
    for one in found:
        _remove(store, one.collection, set(one.surplus) - set(one.missing))  # moved: their vectors were needed till now
        with database.begin() as connection:
            collections.raise_epoch(connection, one.collection)
    return total


def _remove(store: VectorStore, collection: str, gone: set[DocumentId]) -> None:
    if gone:
        store.remove(collection, sorted(gone))


def _write(
    database: Database,
    store: VectorStore,
    embedder: Embedder,
    difference: Difference,
    advanced: Callable[[int, int], None],
) -> int:
    with database.begin() as connection:
        missing = chunks.of_documents(connection, difference.missing)
        rows = {document: documents.present(connection, document) for document in difference.missing}
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        entries = [_entry(chunk, rows[chunk.document]) for chunk in batch]
        store.upsert(difference.collection, entries, _vectors(store, embedder, batch))
        advanced(start + len(batch), len(missing))
    return len(missing)


def _vectors(store: VectorStore, embedder: Embedder, batch: Sequence[Chunk]) -> NDArray[np.float32]:
    """A chunk that is only moving keeps its vector; the others are embedded."""
    ids = [chunk.id for chunk in batch]
    known: dict[ChunkId, NDArray[np.float32]] = {}
    for name in COLLECTIONS:
        known |= store.vectors(name, ids)
    known = {chunk: vector for chunk, vector in known.items() if vector.shape == (embedder.dimension,)}
    fresh = [chunk for chunk in batch if chunk.id not in known]
    if fresh:
        known |= dict(zip((chunk.id for chunk in fresh), embedder.embed([chunk.text for chunk in fresh]), strict=True))
    return np.stack([known[chunk] for chunk in ids])


def _entry(chunk: Chunk, row: documents.DocumentRow | None) -> VectorEntry:
    metadata: dict[str, str | int | float | bool] = {"kind": str(chunk.kind), "position": chunk.position}
    if row is not None:
        metadata |= {
            "pdca_id": row.id,
            "file_path": row.id,
            "date": row.day.isoformat(),
            "agent": row.header.agent,
            "role": row.header.role,
            "sprint": row.header.sprint,
            "quality_score": row.quality.total,
            "trained_in_adapter": row.adapter is not None,
            "ok_to_retrieve": row.ok_to_retrieve,
        }
    return VectorEntry(chunk.id, chunk.document, chunk.text, metadata)


def _collection(state: DocumentState) -> str:
    return HISTORY if state is DocumentState.HISTORICAL else BUFFER


def _difference(name: str, wanted: dict[ChunkId, DocumentId], held: dict[ChunkId, DocumentId]) -> Difference:
    missing = {document for chunk, document in wanted.items() if chunk not in held}
    extra = {document for chunk, document in held.items() if chunk not in wanted}
    return Difference(name, tuple(sorted(missing)), tuple(sorted(extra)))
