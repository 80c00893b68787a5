"""The adapters table, which documents are in which adapter, and the pointer to the one that serves."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from web4_agent.domain.adapters import Adapter, AdapterState, Pointer
from web4_agent.domain.errors import DatabaseError, ModelError, UsageError
from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

adapters = Table(
    "adapters",
    metadata,
    Column("version", String(32), primary_key=True),
    Column("parent", String(32), ForeignKey("adapters.version")),
    Column("state", String(16), nullable=False),
    Column("artefact_hash", String(64)),
    Column("weights_hash", String(64)),
    Column("run", String(64)),
    Column("scale", Float, nullable=False),
    Column("created_utc", UtcDateTime, nullable=False),
)
adapter_documents = Table(
    "adapter_documents",
    metadata,
    Column("adapter", String(32), ForeignKey("adapters.version"), nullable=False),
    Column("document", Text, nullable=False, index=True),
    Column("content_hash", String(64), nullable=False),
    PrimaryKeyConstraint("adapter", "document", "content_hash"),
)
pointer = Table(
    "pointer",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("production", String(32), ForeignKey("adapters.version"), nullable=False),
    Column("golden", String(32), ForeignKey("adapters.version"), nullable=False),
    Column("previous", String(32)),
    Column("changed_utc", UtcDateTime, nullable=False),
    CheckConstraint("id = 1", name="ck_pointer_single"),
)
pointer_moves = Table(
    "pointer_moves",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("source", String(32)),
    Column("target", String(32), nullable=False),
    Column("reason", Text, nullable=False),
)


def add(connection: Connection, adapter: Adapter) -> None:
    """Record an adapter. One of the same content that was rejected before and passes now takes the newer record."""
    values = {
        "parent": adapter.parent,
        "state": adapter.state,
        "artefact_hash": adapter.artefact_hash,
        "weights_hash": adapter.weights_hash,
        "run": adapter.run,
        "scale": adapter.scale,
        "created_utc": adapter.created_utc,
    }
    if not connection.execute(update(adapters).where(adapters.c.version == adapter.version).values(**values)).rowcount:
        connection.execute(insert(adapters).values(version=adapter.version, **values))


def add_documents(
    connection: Connection, adapter: AdapterVersion, rows: Sequence[tuple[DocumentId, ContentHash]]
) -> None:
    """Which document versions this night put into the adapter; its ancestors' are theirs.

    Those that are on record are left as they are: a night that is trained again after a rollback gives the same bytes,
    and so the same version.
    """
    mine = adapter_documents.c.adapter == adapter
    known = {tuple(row) for row in connection.execute(select(*adapter_documents.c).where(mine))}
    values = [{"adapter": adapter, "document": name, "content_hash": digest} for name, digest in rows]
    fresh = [value for value in values if tuple(value.values()) not in known]
    if fresh:
        connection.execute(insert(adapter_documents), fresh)


def get(connection: Connection, version: AdapterVersion) -> Adapter | None:
    row = connection.execute(select(adapters).where(adapters.c.version == version)).first()
    return _adapter(connection, row) if row else None


def asked_for(connection: Connection, version: AdapterVersion | None) -> Adapter:
    """That version, or, where none is named, production. Raises UsageError for a name nobody knows, ModelError when the
    pointer names what the table does not hold."""
    wanted = version or read_pointer(connection).production
    adapter = get(connection, wanted)
    if adapter is None and version is not None:
        raise UsageError(f"no adapter is called {version}", "web4-agent adapters")
    if adapter is None:
        raise ModelError(f"the ledger does not know the adapter {wanted}", "web4-agent doctor")
    return adapter


def every(connection: Connection) -> list[Adapter]:
    """All adapters, oldest first."""
    query = select(adapters).order_by(adapters.c.created_utc, adapters.c.version)
    return [_adapter(connection, row) for row in connection.execute(query).all()]


def lineage(connection: Connection, version: AdapterVersion) -> list[Adapter]:
    """The adapter and its ancestors, newest first."""
    chain: list[Adapter] = []
    current: AdapterVersion | None = version
    while current is not None and current not in {adapter.version for adapter in chain}:
        adapter = get(connection, current)
        if adapter is None:
            break
        chain.append(adapter)
        current = adapter.parent
    return chain


def serving_lineage(connection: Connection) -> list[AdapterVersion]:
    """The version that serves and its ancestors, newest first; none in a ledger that names no production model."""
    row = connection.execute(select(pointer)).first()
    return [adapter.version for adapter in lineage(connection, row.production)] if row else []


def read_pointer(connection: Connection) -> Pointer:
    """Raises DatabaseError when the home was never initialised."""
    row = connection.execute(select(pointer)).first()
    if row is None:
        raise DatabaseError("the ledger names no production model", "web4-agent init")
    return Pointer(row.production, row.golden, row.previous, row.changed_utc)


def move_pointer(connection: Connection, target: AdapterVersion, reason: str, now: datetime) -> None:
    """Let `target` serve, remember what served before, and write the move down. To where it stands already: nothing."""
    row = connection.execute(select(pointer)).first()
    source = row.production if row else None
    if source == target:
        return
    if row is None:
        connection.execute(
            insert(pointer).values(id=1, production=target, golden=target, previous=None, changed_utc=now)
        )
    else:
        connection.execute(update(pointer).values(production=target, previous=source, changed_utc=now))
    number = int(connection.execute(select(func.count()).select_from(pointer_moves)).scalar_one()) + 1
    connection.execute(
        insert(pointer_moves).values(number=number, at_utc=now, source=source, target=target, reason=reason)
    )


def set_golden(connection: Connection, target: AdapterVersion) -> None:
    """Let `target` be the floor of the gate. Production, and since when, stay as they are."""
    connection.execute(update(pointer).values(golden=target))


def note_move(
    connection: Connection, source: AdapterVersion | None, target: AdapterVersion, reason: str, now: datetime
) -> None:
    """Write down that `target` serves in place of `source` by another way than `move_pointer`."""
    number = int(connection.execute(select(func.coalesce(func.max(pointer_moves.c.number), 0))).scalar_one()) + 1
    connection.execute(
        insert(pointer_moves).values(number=number, at_utc=now, source=source, target=target, reason=reason)
    )


def set_removed(connection: Connection, versions: Sequence[AdapterVersion]) -> int:
    """Record that the files of these promoted versions are no longer kept; returns of how many."""
    promoted = adapters.c.state == AdapterState.PROMOTED
    changed = update(adapters).where(adapters.c.version.in_(versions), promoted).values(state=AdapterState.REMOVED)
    return connection.execute(changed).rowcount


def moves(connection: Connection) -> list[tuple[datetime, AdapterVersion | None, AdapterVersion, str]]:
    """(when, from, to, why) of every move of the pointer, oldest first."""
    query = select(pointer_moves).order_by(pointer_moves.c.number)
    return [(row.at_utc, row.source, row.target, row.reason) for row in connection.execute(query)]


def _adapter(connection: Connection, row) -> Adapter:  # type: ignore[no-untyped-def] # a row of this table
    query = select(adapter_documents.c.document).where(adapter_documents.c.adapter == row.version)
    trained = tuple(connection.execute(query.order_by(adapter_documents.c.document)).scalars())
    return Adapter(
        row.version,
        row.parent,
        AdapterState(row.state),
        row.artefact_hash,
        row.weights_hash,
        row.run,
        row.scale,
        row.created_utc,
        trained,
    )
