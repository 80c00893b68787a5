"""Rollback: let another version serve, in one transaction, and let the documents follow their lineage.

Documents that only the version left behind was taught are quarantined, so that nothing is trained twice into a lineage
and nothing suspect goes in again unseen; going forward again takes them back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.errors import UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion
from web4_agent.records import adapters, documents
from web4_agent.steps.projection import synchronise
from web4_agent.steps.promote import converge, served
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive

ROLLED_BACK = "its night was rolled back"


@dataclass(frozen=True, slots=True)
class RollbackParts:
    database: Database
    home: Home
    artefact: str
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class RolledBack:
    source: AdapterVersion
    target: AdapterVersion
    quarantined: int
    restored: int
    buffered: int


def roll_back(parts: RollbackParts, target: AdapterVersion | None, *, retrain: bool = False) -> RolledBack:
    """Serve `target`, or the version before production. With `retrain`, documents left behind go back to the buffer.

    Raises UsageError when there is no such version, or it was rejected; ModelError or IntegrityError when its files
    are not whole: then nothing has changed.
    """
    with exclusive(parts.home.night_lock, doing="a rollback"), parts.database.exclusive(doing="a rollback"):
        with parts.database.begin() as connection:
            pointer = adapters.read_pointer(connection)
            adapter = _target(connection, target, pointer.production)
        served(adapter, parts.home, parts.artefact)  # its bytes are whole, or nothing happens
        with parts.database.begin() as connection:
            adapters.move_pointer(connection, adapter.version, "rolled back by command", parts.now())
            lineage = [one.version for one in adapters.lineage(connection, adapter.version)]
            left, back = documents.follow_lineage(connection, lineage, ROLLED_BACK, retrain=retrain)
        converge(adapter, parts.home, parts.artefact)
        store = parts.open_store()
        try:
            synchronise(parts.database, store, parts.embedder())
        finally:
            store.close()
    return RolledBack(pointer.production, adapter.version, 0 if retrain else left, back, left if retrain else 0)


def _target(connection: Connection, wanted: AdapterVersion | None, production: AdapterVersion) -> Adapter:
    current = adapters.get(connection, production)
    version = wanted or (current.parent if current else None)
    if version is None:
        raise UsageError(f"{production} has no version before it", "web4-agent adapters")
    adapter = adapters.get(connection, version)
    if adapter is None:
        raise UsageError(f"no adapter is called {version}", "web4-agent adapters")
    if adapter.state is not AdapterState.PROMOTED:
        raise UsageError(f"{version} is {adapter.state}: it never passed its gate", "web4-agent adapters")
    if version == production:
        raise UsageError(f"{version} serves already", "web4-agent adapters")
    return adapter
