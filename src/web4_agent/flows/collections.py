"""The five collections as they stand, each held against the ledger, and one of them built anew.

Called by the command `collections`. The ledger is the truth: a collection is counted, compared, and rebuilt from it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.errors import UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.records import collections, documents, references
from web4_agent.steps.projection import BUFFER, COLLECTIONS, HISTORY, Difference, differences, rebuild, wanted
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive


@dataclass(frozen=True, slots=True)
class CollectionParts:
    database: Database
    home: Home
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    now: Callable[[], datetime]
    watcher: Watcher = field(default_factory=Unwatched)


@dataclass(frozen=True, slots=True)
class CollectionState:
    """`documents` and `chunks` by the ledger, `vectors` in the store. `changed_utc`: when its newest document came in.

    `differs` is empty where store and ledger agree, else a sentence that says in what.
    """

    name: str
    documents: int
    chunks: int
    vectors: int
    epoch: int
    changed_utc: datetime | None
    differs: str

    @property
    def healthy(self) -> bool:
        return not self.differs


@dataclass(frozen=True, slots=True)
class Reindexed:
    name: str
    chunks: int
    seconds: float


def overview(parts: CollectionParts) -> tuple[CollectionState, ...]:
    """Every collection, in the order of the projection. Raises VectorStoreError."""
    expected = wanted(parts.database)
    store = parts.open_store()
    try:
        found = differences(parts.database, store)
        vectors = {name: len(store.ids(name)) for name in COLLECTIONS}
    finally:
        store.close()
    with parts.database.read() as connection:
        epochs = collections.epochs(connection)
        changed = references.newest(connection) | _journal_changes(documents.newest(connection))
    return tuple(
        CollectionState(
            name=one.collection,
            documents=len(Counter(expected[one.collection].values())),
            chunks=len(expected[one.collection]),
            vectors=vectors[one.collection],
            epoch=epochs.get(one.collection, 0),
            changed_utc=changed.get(one.collection),
            differs=_sentence(one),
        )
        for one in found
    )


def reindex(parts: CollectionParts, name: str) -> Reindexed:
    """Embed a collection anew from the ledger; readers find it whole meanwhile.

    Raises UsageError on an unknown name, BusyError while a night or the doctor runs, VectorStoreError.
    """
    if name not in COLLECTIONS:
        raise UsageError(f"no collection is called {name!r}", f"choose one of {', '.join(COLLECTIONS)}")
    started = parts.now()
    parts.watcher.started(name)
    with exclusive(parts.home.night_lock, doing=f"a rebuild of {name}"):
        store = parts.open_store()
        try:
            written = rebuild(
                parts.database,
                store,
                parts.embedder(),
                name,
                lambda done, total: parts.watcher.advanced(name, done, total, None, "chunks"),
            )
        finally:
            store.close()
    seconds = (parts.now() - started).total_seconds()
    parts.watcher.finished(name, seconds)
    return Reindexed(name, written, seconds)


def _journal_changes(newest: tuple[datetime | None, datetime | None]) -> dict[str, datetime]:
    return {name: at for name, at in zip((BUFFER, HISTORY), newest, strict=True) if at is not None}


def _sentence(found: Difference) -> str:
    if found.empty:
        return ""
    return f"{len(found.missing)} documents missing, {len(found.surplus)} too many"
