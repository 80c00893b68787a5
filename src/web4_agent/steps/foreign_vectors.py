"""Whether the stored vectors are those that the embedder in use makes of their chunks.

Called by the doctor. Counts and names agree where the vectors of another embedder, or of another home with the same
journal, lie in the store; numbers don't. A few chunks of each collection are embedded anew and held against theirs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.records import chunks
from web4_agent.steps.projection import COLLECTIONS, wanted
from web4_agent.storage.database import Database

COMPARED = 4
"""Chunks of a collection: another embedder's differ in all, so that few tell."""
ALIKE = 0.99
"""Least cosine of one text's vectors by one embedder; other numbers of threads or batches change the sixth digit."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Of one collection. `length` is that of its vectors; `likeness` the least cosine with what they should be, None
    where lengths differ."""

    collection: str
    length: int
    likeness: float | None


def foreign(database: Database, store: VectorStore, embedder: Callable[[], Embedder]) -> tuple[Foreign, ...]:
    """One entry for each collection that holds vectors of another embedder, which is only loaded where there are any.

    Raises VectorStoreError, ModelError.
    """
    expected = wanted(database)
    compared = (_compared(database, store, embedder, name, expected[name]) for name in COLLECTIONS)
    return tuple(one for one in compared if one is not None and (one.likeness is None or one.likeness < ALIKE))


def _compared(
    database: Database,
    store: VectorStore,
    made: Callable[[], Embedder],
    name: str,
    expected: dict[ChunkId, DocumentId],
) -> Foreign | None:
    """None where nothing is stored that could be compared."""
    ids = _spread(sorted(expected.keys() & store.ids(name).keys()))
    if not ids:
        return None
    with database.read() as connection:
        documents = sorted({expected[chunk] for chunk in ids})
        texts = {one.id: one.text for one in chunks.of_documents(connection, documents)}
    stored = store.vectors(name, ids)
    held = [chunk for chunk in ids if chunk in stored and chunk in texts]
    if not held:
        return None
    embedder, length = made(), len(stored[held[0]])
    if any(len(stored[chunk]) != embedder.dimension for chunk in held):
        return Foreign(name, length, None)
    fresh = embedder.embed([texts[chunk] for chunk in held])
    old = np.stack([stored[chunk] for chunk in held])
    cosines = (fresh * old).sum(axis=1) / (np.linalg.norm(fresh, axis=1) * np.linalg.norm(old, axis=1))
    return Foreign(name, length, float(cosines.min()))


def _spread(ids: Sequence[ChunkId]) -> list[ChunkId]:
    """`COMPARED` of them at even distances."""
    return list(ids[:: max(1, len(ids) // COMPARED)][:COMPARED])
