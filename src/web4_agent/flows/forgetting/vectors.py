"""The vector store without what was removed from it: built anew beside the old one, which then goes.

A store keeps removed texts and vectors in its files (Chroma in its queue, its word index and its graph), so removing is
not enough. Vectors of what stays are carried over; nothing is embedded twice.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.errors import VectorStoreError
from web4_agent.domain.ids import ChunkId
from web4_agent.flows.forgetting.parts import ForgetParts
from web4_agent.records import chunks, collections
from web4_agent.steps.projection import COLLECTIONS, synchronise, wanted
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.atomic import sync_folder
from web4_agent.storage.database import Database

BESIDE = ".tmp-vectors"
OLD = ".tmp-vectors-old"
PAGE = 1000
TRIES = 20


def purge(parts: ForgetParts, advanced: Callable[[int, int], None]) -> int:
    """Make the collections equal to the ledger, and leave no trace of what they no longer hold; returns the chunks
    written. Repeating it is safe: a copy that was not finished is begun anew."""
    if parts.fresh_store is None:
        store = parts.open_store()
        try:
            return synchronise(parts.database, store, parts.embedder(), advanced)
        finally:
            store.close()
    place, beside, old = parts.home.vectors, parts.home.root / BESIDE, parts.home.root / OLD
    if old.exists() and not place.exists():
        old.replace(place)  # killed between the two moves: its vectors are needed once more
    for path in (beside, old):
        shutil.rmtree(path, ignore_errors=True)
    written = _copy(parts, beside, advanced)
    parts.reached("forget.vectors.built")
    if place.exists():
        place.replace(old)
    parts.reached("forget.vectors.moving")
    _move(beside, place)
    sync_folder(parts.home.root)
    shutil.rmtree(old, ignore_errors=True)
    with parts.database.begin() as connection:
        for name in COLLECTIONS:
            collections.raise_epoch(connection, name)
    return written


def _move(beside: Path, place: Path) -> None:
    """Whoever opens a store while there is none makes an empty one: that one makes way."""
    for _ in range(TRIES):
        shutil.rmtree(place, ignore_errors=True)
        try:
            beside.replace(place)
        except OSError:
            continue
        return
    raise VectorStoreError(
        f"{place} can't be replaced: another program keeps writing there", "web4-agent forget --continue"
    )


def _copy(parts: ForgetParts, beside: Path, advanced: Callable[[int, int], None]) -> int:
    assert parts.fresh_store is not None, "asked for by purge alone"
    old, fresh = parts.open_store(), parts.fresh_store(beside)
    try:
        written = synchronise(parts.database, fresh, _Carried(parts.database, old, parts.embedder), advanced)
    finally:
        fresh.close()
        old.close()
    beside.mkdir(exist_ok=True)  # a ledger without a chunk makes a store without a file
    return written


class _Carried:
    """An embedder that looks up what the old store knows. A text it lacks is embedded."""

    def __init__(self, database: Database, store: VectorStore, embedder: Callable[[], Embedder]) -> None:
        self._store = store
        self._make = embedder
        self._places = _places(database)

    @property
    def name(self) -> str:
        return self._make().name

    @property
    def dimension(self) -> int:
        return self._make().dimension

    @property
    def max_tokens(self) -> int:
        return self._make().max_tokens

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        return self._make().token_counts(texts)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        ids = [self._places.get(hash_text(text)) for text in texts]
        known = self._known([one for one in ids if one is not None])
        missing = [at for at, one in enumerate(ids) if one not in known]
        rows: dict[int, NDArray[np.float32]] = {at: known[one] for at, one in enumerate(ids) if one in known}
        if missing:
            fresh = self._make().embed([texts[at] for at in missing])
            rows |= dict(zip(missing, fresh, strict=True))
        return np.stack([rows[at] for at in range(len(texts))])

    def _known(self, ids: Sequence[ChunkId]) -> dict[ChunkId | None, NDArray[np.float32]]:
        found: dict[ChunkId | None, NDArray[np.float32]] = {}
        dimension = self.dimension
        for name in COLLECTIONS:
            try:
                held = self._store.vectors(name, ids)
            except VectorStoreError:  # a store that is broken is no reason to keep what is to be forgotten
                return {}
            found |= {one: vector for one, vector in held.items() if vector.shape == (dimension,)}
        return found


def _places(database: Database) -> dict[str, ChunkId]:
    """The chunk that has each text, by the text's hash."""
    documents = sorted({document for held in wanted(database).values() for document in held.values()})
    found: dict[str, ChunkId] = {}
    for start in range(0, len(documents), PAGE):
        with database.read() as connection:
            found |= {
                hash_text(one.text): one.id for one in chunks.of_documents(connection, documents[start : start + PAGE])
            }
    return found
