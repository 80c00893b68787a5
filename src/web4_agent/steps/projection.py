"""Making the vector collections equal to the ledger: the journal's buffer and history, and what is looked up only.

Called after every change of the ledger's documents or references and by doctor. The ledger's content is never changed
here; only the epochs of the collections are raised.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorEntry, VectorStore
from web4_agent.domain.documents import Chunk, DocumentState
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.records import chunks, collections, documents, references
from web4_agent.storage.database import Database

BUFFER = "daily_buffer"
HISTORY = "pdca_historical"
PROCESS_DOCS = "process_docs"
COMPONENTS = "components"
TOOL_EXAMPLES = "tool_examples"
JOURNAL = (BUFFER, HISTORY)
"""A document moves between these two; what a reference collection holds stays in it."""
REFERENCES = (PROCESS_DOCS, COMPONENTS, TOOL_EXAMPLES)
COLLECTIONS = (*JOURNAL, *REFERENCES)
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


def wanted(database: Database) -> dict[str, dict[ChunkId, DocumentId]]:
    """What the ledger says each collection holds: its chunks, and the document or reference that each is of."""
    with database.read() as connection:
        states = documents.live_states(connection)
        places = references.collections_of(connection)
        expected = chunks.ids(connection)
    held: dict[str, dict[ChunkId, DocumentId]] = {name: {} for name in COLLECTIONS}
    for chunk, document in expected.items():
        if document in places:
            held[places[document]][chunk] = document
        elif document in states:
            held[_collection(states[document])][chunk] = document
    return held


def differences(database: Database, store: VectorStore, only: Sequence[str] = COLLECTIONS) -> tuple[Difference, ...]:
    """One entry a collection. A document with any chunk too few or too many is in both lists."""
    expected = wanted(database)
    return tuple(_difference(name, expected[name], store.ids(name)) for name in only)


def follows(database: Database, store: VectorStore, only: Sequence[str] = COLLECTIONS) -> bool:
    """Whether every collection is equal to the ledger and no change of one was left unfinished."""
    with database.read() as connection:
        unfinished = set(collections.unfinished(connection)) & set(only)
    return not unfinished and all(one.empty for one in differences(database, store, only))


def synchronise(
    database: Database,
    store: VectorStore,
    embedder: Embedder,
    advanced: Callable[[int, int], None] = lambda done, total: None,
    only: Sequence[str] = COLLECTIONS,
    *,
    reached: Callable[[str], None] = lambda point: None,
) -> int:
    """Repair every difference; returns how many chunks were written. Safe to repeat and to interrupt.

    `reached` is called at the points that tests kill the process at, each `vectors.…`.
    """
    with database.read() as connection:
        unfinished = collections.unfinished(connection)
    found = [one for one in differences(database, store, only) if not one.empty or one.collection in unfinished]
    if not found:
        return 0
    with database.begin() as connection:
        for one in found:
            collections.begin_change(connection, one.collection)
        reached("vectors.opening")
    reached("vectors.opened")
    total = 0
    for one in found:
        _remove(store, one.collection, set(one.surplus) & set(one.missing))  # edited: the old chunks go first
    reached("vectors.cleared")
    for one in found:
        total += _write(database, store, embedder, one, advanced)
    reached("vectors.written")
    for one in found:
        _remove(store, one.collection, set(one.surplus) - set(one.missing))  # moved: their vectors were needed till now
    reached("vectors.removed")
    with database.begin() as connection:
        for one in found:
            collections.raise_epoch(connection, one.collection)
        reached("vectors.committing")
    reached("vectors.committed")
    return total


def rebuild(
    database: Database,
    store: VectorStore,
    embedder: Embedder,
    collection: str,
    advanced: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Embed one collection anew in place, so that readers find it whole meanwhile; returns the chunks written."""
    with database.begin() as connection:
        collections.begin_change(connection, collection)
    held = set(store.ids(collection).values())
    expected = set(wanted(database)[collection].values())
    _remove(store, collection, held - expected)
    everything = Difference(collection, tuple(sorted(expected)), ())
    written = _write(database, store, embedder, everything, advanced, fresh=True)
    (left,) = differences(database, store, (collection,))
    _remove(store, collection, set(left.surplus))  # chunks of an older self of what is in both
    written += _write(database, store, embedder, left, lambda done, total: None)
    with database.begin() as connection:
        collections.raise_epoch(connection, collection)
    return written


def _remove(store: VectorStore, collection: str, gone: set[DocumentId]) -> None:
    if gone:
        store.remove(collection, sorted(gone))


def _write(
    database: Database,
    store: VectorStore,
    embedder: Embedder,
    difference: Difference,
    advanced: Callable[[int, int], None],
    *,
    fresh: bool = False,
) -> int:
    """`fresh`: embed everything, whatever vectors there are."""
    with database.read() as connection:
        missing = chunks.of_documents(connection, difference.missing)
        describe = _describer(connection, difference)
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        entries = [describe(chunk) for chunk in batch]
        vectors = embedder.embed([chunk.text for chunk in batch]) if fresh else _vectors(store, embedder, batch)
        store.upsert(difference.collection, entries, vectors)
        advanced(start + len(batch), len(missing))
    return len(missing)


def _describer(connection: Connection, difference: Difference) -> Callable[[Chunk], VectorEntry]:
    """How the chunks of these become entries, with the metadata of their collection's kind."""
    if difference.collection in REFERENCES:
        looked_up = references.of_ids(connection, difference.missing)
        return lambda chunk: _reference_entry(chunk, looked_up[chunk.document])
    rows = {document: documents.present(connection, document) for document in difference.missing}
    return lambda chunk: _entry(chunk, rows[chunk.document])


def _vectors(store: VectorStore, embedder: Embedder, batch: Sequence[Chunk]) -> NDArray[np.float32]:
    """A chunk that is only moving within the journal keeps its vector; the others are embedded."""
    ids = [chunk.id for chunk in batch]
    known: dict[ChunkId, NDArray[np.float32]] = {}
    for name in JOURNAL:
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


def _reference_entry(chunk: Chunk, row: references.Reference) -> VectorEntry:
    """No date: what a team's process is has none, and a question about days must not find it."""
    return VectorEntry(
        chunk.id,
        chunk.document,
        chunk.text,
        {
            "kind": str(chunk.kind),
            "position": chunk.position,
            "title": row.title,
            "file_path": row.file_path,
            "ecosystem": row.ecosystem,
            "ok_to_retrieve": row.ok_to_retrieve,
        },
    )


def _collection(state: DocumentState) -> str:
    return HISTORY if state is DocumentState.HISTORICAL else BUFFER


def _difference(name: str, wanted: dict[ChunkId, DocumentId], held: dict[ChunkId, DocumentId]) -> Difference:
    missing = {document for chunk, document in wanted.items() if chunk not in held}
    extra = {document for chunk, document in held.items() if chunk not in wanted}
    return Difference(name, tuple(sorted(missing)), tuple(sorted(extra)))
