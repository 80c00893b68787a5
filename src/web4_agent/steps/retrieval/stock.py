"""Keeps the shelf and the lexicon in step with the ledger and the vector store, whoever changes them.

Called by the library before every look-up. A collection's epoch in the ledger says that it changed; then the keys are
read anew, and texts and vectors of what is new alone. Knows no question.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.lexical.base import WordIndex
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.documents import Chunk, DocumentState
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.records import chunks, collections, passages
from web4_agent.records.passages import ChunkKey, Shown
from web4_agent.steps.retrieval.lexicon import Lexicon
from web4_agent.steps.retrieval.shelf import Shelf, make_shelf
from web4_agent.storage.database import Database

HISTORY = "pdca_historical"
BUFFER = "daily_buffer"
COMPARED = 4
"""Chunks of a collection that are held against the store when an epoch changed."""
ALIKE = 0.9999
"""Least cosine of a vector with itself, out of a store that keeps single precision."""
LOOK_EVERY_S = 0.25
"""Epochs are compared at most so often: a change is seen within this time, and a burst of questions asks once."""


class Stock:
    """What one process holds of the collections that `holds` says yes to. `dimension` is the embedder's: vectors of
    another one are not taken."""

    def __init__(  # noqa: PLR0917 - five places that it reads from, and how often
        self,
        database: Database,
        open_store: Callable[[], VectorStore],
        make_index: Callable[[], WordIndex],
        dimension: Callable[[], int],
        look_every_s: float = LOOK_EVERY_S,
        holds: Callable[[str], bool] = lambda collection: True,
    ) -> None:
        self._database = database
        self._open_store = open_store
        self._dimension = dimension
        self._look_every_s = look_every_s
        self._holds = holds
        self._looked_s = -1e9
        self._epochs: dict[str, int] | None = None
        self._shelf: Shelf | None = None
        self._changing = threading.Lock()
        self.lexicon = Lexicon(make_index)

    def shelf(self) -> Shelf:
        """What is there now. The thread that first sees a change brings it in, and the others go on with what was there
        before; at the very first call all wait."""
        due = time.monotonic() - self._looked_s >= self._look_every_s
        if self._shelf is None:
            with self._changing:
                if self._shelf is None:
                    self._renew()
        elif due and self._changing.acquire(blocking=False):
            try:
                self._renew()
            finally:
                self._changing.release()
        assert self._shelf is not None
        return self._shelf

    def refresh(self) -> bool:
        """Bring in every change at once, whoever else is doing so; whether there was one."""
        with self._changing:
            return self._renew()

    def close(self) -> None:
        self.lexicon.close()

    def _renew(self) -> bool:
        with self._database.read() as connection:
            epochs = {name: epoch for name, epoch in collections.epochs(connection).items() if self._holds(name)}
            if epochs == self._epochs:
                self._looked_s = time.monotonic()
                return False
            everything, keys = passages.shown(connection), passages.keys(connection)
        shown = {name: one for name, one in everything.items() if self._holds(collection_of(one))}
        vectors = self._vectors([key for key in keys if key.document in shown], shown)
        kept = [key for key in keys if key.id in vectors]
        shelf = make_shelf(shown, _places(shown), kept, self._matrix(kept, vectors))
        self.lexicon.follow(self._shelf, shelf, self._read_chunks)
        self._shelf, self._epochs, self._looked_s = shelf, epochs, time.monotonic()
        return True

    def _vectors(
        self, keys: Sequence[ChunkKey], shown: Mapping[DocumentId, Shown]
    ) -> dict[ChunkId, NDArray[np.float32]]:
        """By chunk: those on the shelf stay, unless their collection was embedded anew; the others are read. A chunk
        that has no vector yet waits for the next epoch, which is raised when it has."""
        old = self._shelf
        held: dict[str, dict[ChunkId, NDArray[np.float32]]] = {}
        missing: dict[str, list[ChunkId]] = {}
        for key in keys:
            name = collection_of(shown[key.document])
            row = old.row.get(key.id) if old is not None else None
            if old is not None and row is not None and _same(old, row, shown[key.document]):
                held.setdefault(name, {})[key.id] = old.vectors.unit[row]
            else:
                missing.setdefault(name, []).append(key.id)
        if not held and not missing:
            return {}
        store = self._open_store()
        try:
            for name, known in held.items():
                if _embedded_anew(store, name, known):
                    missing.setdefault(name, []).extend(known)
            return {chunk: one for known in held.values() for chunk, one in known.items()} | self._read(store, missing)
        finally:
            store.close()  # one that stays open does not see what other processes write

    def _read(self, store: VectorStore, missing: Mapping[str, Sequence[ChunkId]]) -> dict[ChunkId, NDArray[np.float32]]:
        found: dict[ChunkId, NDArray[np.float32]] = {}
        for name, ids in missing.items():
            found |= store.vectors(name, ids)
            moving = [chunk for chunk in ids if chunk not in found] if name in {HISTORY, BUFFER} else []
            if moving:  # it lies in the other one until the projection has moved it
                found |= store.vectors(BUFFER if name == HISTORY else HISTORY, moving)
        dimension = self._dimension()
        return {chunk: vector for chunk, vector in found.items() if vector.shape == (dimension,)}

    def _matrix(self, keys: Sequence[ChunkKey], vectors: Mapping[ChunkId, NDArray[np.float32]]) -> NDArray[np.float32]:
        unit = np.empty((len(keys), self._dimension()), dtype=np.float32)
        for row, key in enumerate(keys):
            unit[row] = vectors[key.id]
        lengths = np.linalg.norm(unit, axis=1, keepdims=True)
        np.divide(unit, lengths, out=unit, where=lengths > 0)
        return unit

    def _read_chunks(self, documents: Sequence[DocumentId]) -> list[Chunk]:
        with self._database.read() as connection:
            return chunks.of_documents(connection, documents)


def collection_of(shown: Shown) -> str:
    """A reference says its collection; a document's follows from its state."""
    if shown.state is None:
        return shown.collection
    return HISTORY if shown.state is DocumentState.HISTORICAL else BUFFER


def _embedded_anew(store: VectorStore, collection: str, known: Mapping[ChunkId, NDArray[np.float32]]) -> bool:
    """Whether a few of the vectors on the shelf are no longer those in the store: then none of the collection's are."""
    ids = list(known)[:: max(1, len(known) // COMPARED)][:COMPARED]
    stored = store.vectors(collection, ids)
    return any(not _alike(known[chunk], vector) for chunk, vector in stored.items())


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    if one.shape != other.shape:
        return False
    return float(one @ other) >= ALIKE * float(np.linalg.norm(one) * np.linalg.norm(other))


def _places(shown: Mapping[DocumentId, Shown]) -> dict[DocumentId, str]:
    return {name: collection_of(one) for name, one in shown.items()}


def _same(shelf: Shelf, row: int, shown: Shown) -> bool:
    return bool(shelf.documents[shelf.owner[row]].content_hash == shown.content_hash)
