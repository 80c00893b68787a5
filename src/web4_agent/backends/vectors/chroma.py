"""Vectors on disk in an embedded Chroma: what bootstrap builds as the vector store of a home.

Opens lazily, so that a command that reads no vectors never loads chromadb. Knows nothing of embedders or the ledger:
the caller compares epochs and calls `reopen`, because a client does not see what another process writes.
"""

import errno
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.vectors.base import Match, Metadata, VectorEntry
from web4_agent.backends.vectors.checks import DOCUMENT_KEY, check_entries, check_name, matches
from web4_agent.domain.errors import DiskFullError, VectorStoreError
from web4_agent.domain.ids import ChunkId, DocumentId

SMALL = 10_000
"""Up to so many entries Chroma's own metadata filter is quick (8 ms at 3,000, about 100 ms at 100,000)."""
OVERFETCH = 4
ROWS_PER_CALL = 1000
"""Below Chroma's own limits, and of SQLite's on variables, with which longer lists of ids or documents fail."""

_REPAIR = "web4-agent doctor --fix"
_Value = TypeVar("_Value")
_open_here: Counter[Path] = Counter()
"""How many stores of this process are open on a path."""


class ChromaStore:
    """Safe to call from several threads; calls take turns.

    One store a path and process: a second one shares what the first has open, so that `reopen` would see nothing new.
    Every call raises VectorStoreError when the folder is damaged or no Chroma store, DiskFullError when it is; one that
    has to open it raises the first, too, when another process keeps it locked for `timeout_s`.
    """

    def __init__(self, path: Path, timeout_s: float = 10.0) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._client: Any = None
        self._collections: dict[str, Any] = {}
        self._lock = threading.RLock()

    def upsert(self, collection: str, entries: Sequence[VectorEntry], vectors: NDArray[np.float32]) -> None:
        """Durable on return, batch by batch: after a crash the same call completes it."""
        check_name(collection)
        check_entries(entries, vectors)
        for rows in _pages(len(entries)):
            self._call(partial(self._write, collection, entries[rows], vectors[rows]))

    def query(
        self,
        collection: str,
        vector: NDArray[np.float32],
        count: int,
        where: Metadata | None = None,
        among: Sequence[ChunkId] | None = None,
    ) -> list[Match]:
        check_name(collection)
        if among is not None:
            return self._call(lambda: self._among(collection, vector, count, where, among))
        return self._call(lambda: self._nearest(collection, vector, count, where))

    def ids(self, collection: str) -> dict[ChunkId, DocumentId]:
        check_name(collection)
        return self._call(lambda: self._ids(collection))

    def vectors(self, collection: str, ids: Sequence[ChunkId]) -> dict[ChunkId, NDArray[np.float32]]:
        check_name(collection)
        return self._call(lambda: self._vectors(collection, ids))

    def remove(self, collection: str, documents: Sequence[DocumentId]) -> None:
        check_name(collection)
        for page in _pages(len(documents)):
            self._call(partial(self._remove, collection, documents[page]))

    def reopen(self) -> None:
        """See what other processes have written since this one opened. The next call pays for it (about 30 ms)."""
        self.close()

    def close(self) -> None:
        """Closing twice is no error; a call after it opens the store again."""
        with self._lock:
            client, self._client, self._collections = self._client, None, {}
            if client is not None:
                client.close()
                _open_here[self._path] -= 1

    def _write(self, collection: str, entries: Sequence[VectorEntry], vectors: NDArray[np.float32]) -> None:
        self._collection(collection, create=True).upsert(
            ids=[entry.id for entry in entries],
            embeddings=vectors,
            documents=[entry.text for entry in entries],
            metadatas=[{**entry.metadata, DOCUMENT_KEY: entry.document} for entry in entries],
        )

    def _nearest(self, collection: str, vector: NDArray[np.float32], count: int, where: Metadata | None) -> list[Match]:
        found = self._collection(collection)
        if found is None or (held := found.count()) == 0:
            return []
        if where and held > SMALL:
            several = self._rows(found, vector, OVERFETCH * count, held)
            kept = [match for match in several if matches(match.entry, where)]
            if len(kept) >= count:
                return kept[:count]
        return self._rows(found, vector, count, held, where)

    def _rows(
        self, found: Any, vector: NDArray[np.float32], count: int, held: int, where: Metadata | None = None
    ) -> list[Match]:
        row = found.query(
            query_embeddings=vector.reshape(1, -1),
            n_results=min(count, held),
            where=_condition(where),
            include=["documents", "metadatas", "distances"],
        )
        ids = row["ids"][0]
        if not where and len(ids) < min(count, held):
            raise VectorStoreError(
                f"{self._path} has lost its index: {len(ids)} of {min(count, held)} found in {found.name}",
                _REPAIR,
                damaged=True,
            )
        entries = map(_entry, ids, row["documents"][0], row["metadatas"][0])
        return [Match(entry, 1.0 - distance) for entry, distance in zip(entries, row["distances"][0], strict=True)]

    def _among(
        self,
        collection: str,
        vector: NDArray[np.float32],
        count: int,
        where: Metadata | None,
        among: Sequence[ChunkId],
    ) -> list[Match]:
        """Reads the rows and compares here: an exact answer, and quicker than Chroma's filter by id."""
        found = self._collection(collection)
        if found is None or not among:
            return []
        unit = vector.reshape(-1) / np.linalg.norm(vector)
        wanted = list(dict.fromkeys(among))
        hits: list[Match] = []
        for page in _pages(len(wanted)):
            rows = found.get(ids=wanted[page], include=["documents", "metadatas", "embeddings"])
            for id_, text, metadata, stored in zip(
                rows["ids"], rows["documents"], rows["metadatas"], rows["embeddings"], strict=True
            ):
                hits.append(Match(_entry(id_, text, metadata), float(stored @ unit / np.linalg.norm(stored))))
        kept = [match for match in hits if matches(match.entry, where)]
        return sorted(kept, key=lambda match: -match.similarity)[:count]

    def _ids(self, collection: str) -> dict[ChunkId, DocumentId]:
        found = self._collection(collection)
        if found is None:
            return {}
        rows = found.get(include=["metadatas"])
        return {
            ChunkId(id_): DocumentId(metadata[DOCUMENT_KEY])
            for id_, metadata in zip(rows["ids"], rows["metadatas"], strict=True)
        }

    def _vectors(self, collection: str, ids: Sequence[ChunkId]) -> dict[ChunkId, NDArray[np.float32]]:
        found = self._collection(collection)
        stored: dict[ChunkId, NDArray[np.float32]] = {}
        for page in _pages(len(ids) if found is not None else 0):
            rows = found.get(ids=list(ids[page]), include=["embeddings"])
            stored |= dict(zip(rows["ids"], np.asarray(rows["embeddings"], dtype=np.float32), strict=True))
        return stored

    def _remove(self, collection: str, documents: Sequence[DocumentId]) -> None:
        found = self._collection(collection)
        if found is None:
            return
        ids = found.get(where={DOCUMENT_KEY: {"$in": list(documents)}}, include=[])["ids"]
        for page in _pages(len(ids)):
            found.delete(ids=ids[page])

    def _collection(self, name: str, *, create: bool = False) -> Any:  # chromadb's types don't hold
        """The collection, or None where there is none and none is to be made."""
        from chromadb.errors import NotFoundError

        if self._client is None:
            self._client = self._opened()
        if name not in self._collections:
            try:
                self._collections[name] = self._client.get_collection(name, embedding_function=None)
            except NotFoundError:
                if not create:
                    return None
                # Chroma's defaults are another distance and an embedder that is downloaded.
                self._collections[name] = self._client.get_or_create_collection(
                    name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
                )
        found = self._collections[name]
        if (space := found.configuration_json["hnsw"]["space"]) != "cosine":
            raise VectorStoreError(f"{name} in {self._path} was made elsewhere: its distance is {space}", _REPAIR)
        return found

    def _opened(self) -> Any:  # chromadb's types don't hold
        import chromadb
        from chromadb.config import Settings

        if self._path.exists() and not self._path.is_dir():
            raise VectorStoreError(f"{self._path} is a file, not a vector store", _REPAIR, damaged=True)
        if not _open_here[self._path]:
            _check_unlocked(self._path / "chroma.sqlite3", self._timeout_s)
        try:
            client = chromadb.PersistentClient(str(self._path), settings=Settings(anonymized_telemetry=False))
        except AttributeError as error:  # what remains of any failure of Chroma's start: it closes what it never opened
            raise VectorStoreError(f"{self._path} can't be opened", _REPAIR, damaged=True) from error
        _open_here[self._path] += 1
        return client

    def _call(self, work: Callable[[], _Value]) -> _Value:
        from chromadb.errors import ChromaError

        with self._lock:
            try:
                return work()
            except (ChromaError, OSError, ValueError) as error:
                raise _translated(self._path, error) from error


def _translated(path: Path, error: Exception) -> VectorStoreError | DiskFullError:
    """Chroma tells of a full disk and of a lock in words alone."""
    said = str(error)
    if "disk is full" in said or (isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}):
        return DiskFullError(
            f"no space left for the vectors in {path}", f"free some space on that disk (df -h {path}), then run again"
        )
    return VectorStoreError(f"{path}: {said}", _REPAIR, damaged="is locked" not in said)


def _check_unlocked(database: Path, timeout_s: float) -> None:
    """Raises VectorStoreError when another process holds the file's lock, or the file is no database.

    Chroma waits for that lock for many minutes, and with the interpreter stopped, so that no thread of this process
    runs on. Only for a file that this process has not open: closing it drops the locks held through another handle.
    """
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=timeout_s, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise VectorStoreError(
            f"{database} can't be used: {error}",
            f"end the process that holds it (fuser -v {database} names it), then {_REPAIR}",
        ) from error
    except sqlite3.DatabaseError as error:
        raise VectorStoreError(f"{database} is damaged: {error}", _REPAIR, damaged=True) from error


def _entry(id_: str, text: str | None, metadata: dict[str, str | int | float | bool]) -> VectorEntry:
    kept = {key: value for key, value in metadata.items() if key != DOCUMENT_KEY}
    return VectorEntry(ChunkId(id_), DocumentId(str(metadata[DOCUMENT_KEY])), text or "", kept)


def _condition(where: Metadata | None) -> dict[str, Any] | None:
    if not where:
        return None
    terms = [{key: {"$eq": value}} for key, value in where.items()]
    return terms[0] if len(terms) == 1 else {"$and": terms}


def _pages(length: int) -> Iterator[slice]:
    return (slice(start, start + ROWS_PER_CALL) for start in range(0, length, ROWS_PER_CALL))
