"""A vector store in one SQLite file: exact, opened in a millisecond, and as durable as a commit. For killed children.

Keeps the contract of `backends.vectors.base`; every call is one transaction, as every call to Chroma is.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.vectors.base import Match, Metadata, VectorEntry
from web4_agent.backends.vectors.checks import check_entries, check_name
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.ids import ChunkId, DocumentId


class FileStore:
    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._opened()) as made:
            made.execute(
                "CREATE TABLE IF NOT EXISTS entries (collection TEXT, id TEXT, document TEXT, text TEXT, metadata TEXT,"
                " vector BLOB, PRIMARY KEY (collection, id))"
            )

    def upsert(self, collection: str, entries: Sequence[VectorEntry], vectors: NDArray[np.float32]) -> None:
        check_name(collection)
        check_entries(entries, vectors)
        rows = [
            (collection, one.id, one.document, one.text, json.dumps(dict(one.metadata), sort_keys=True), row.tobytes())
            for one, row in zip(entries, vectors.astype(np.float32), strict=True)
        ]
        with closing(self._opened()) as store, store:
            store.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)", rows)

    def query(
        self,
        collection: str,
        vector: NDArray[np.float32],
        count: int,
        where: Metadata | None = None,
        among: Sequence[ChunkId] | None = None,
    ) -> list[Match]:
        memory = MemoryStore()
        for entry, stored in self.entries(collection):
            memory.upsert(collection, [entry], stored.reshape(1, -1))
        return memory.query(collection, vector, count, where, among)

    def vectors(self, collection: str, ids: Sequence[ChunkId]) -> dict[ChunkId, NDArray[np.float32]]:
        wanted = set(ids)
        return {entry.id: stored for entry, stored in self.entries(collection) if entry.id in wanted}

    def ids(self, collection: str) -> dict[ChunkId, DocumentId]:
        return {entry.id: entry.document for entry, _ in self.entries(collection)}

    def remove(self, collection: str, documents: Sequence[DocumentId]) -> None:
        with closing(self._opened()) as store, store:
            store.executemany(
                "DELETE FROM entries WHERE collection = ? AND document = ?", [(collection, one) for one in documents]
            )

    def close(self) -> None:
        """Every call opens the file and closes it."""

    def entries(self, collection: str) -> list[tuple[VectorEntry, NDArray[np.float32]]]:
        check_name(collection)
        query = "SELECT id, document, text, metadata, vector FROM entries WHERE collection = ? ORDER BY id"
        with closing(self._opened()) as store:
            rows = store.execute(query, (collection,)).fetchall()
        return [
            (
                VectorEntry(ChunkId(id_), DocumentId(document), text, json.loads(metadata)),
                np.frombuffer(vector, dtype=np.float32),
            )
            for id_, document, text, metadata, vector in rows
        ]

    def _opened(self) -> sqlite3.Connection:
        store = sqlite3.connect(self._path)
        store.execute("PRAGMA synchronous=OFF")  # a killed process loses nothing by it; only a power cut would
        return store
