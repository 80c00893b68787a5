"""The documents table: every version of every document, and the state it is in.

States move `buffered -> claimed -> historical`; each move names the state it expects, so that a second run of the same
step changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    Float,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)

from web4_agent.domain.documents import DocumentState, Header, QualityScore
from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId, RunId
from web4_agent.records.adapters import adapter_documents, adapters
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json, to_json

documents = Table(
    "documents",
    metadata,
    Column("id", Text, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("text_hash", String(64), nullable=False),
    Column("day", Date, nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("header", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("quality", Float, nullable=False),
    Column("quality_parts", Text, nullable=False),
    Column("ok_to_train", Boolean, nullable=False),
    Column("ok_to_retrieve", Boolean, nullable=False),
    Column("indexed_utc", UtcDateTime, nullable=False),
    Column("run", String(64), index=True),
    Column("adapter", String(32)),
    Column("trained_utc", UtcDateTime),
    Column("origin", Text),
    PrimaryKeyConstraint("id", "content_hash"),
)

ROLLED_BACK = "its night was rolled back"
"""The reason of versions that only an adapter left behind was taught."""
PAGE = 500
"""Values in one statement: below the limit of variables of every database."""
LIVE = (DocumentState.BUFFERED, DocumentState.CLAIMED, DocumentState.HISTORICAL, DocumentState.QUARANTINED)
"""States in which a version is the document's present one."""


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One version of a document. `run` claims it or trained it; `adapter` is the version it was trained into.

    `origin` is the document whose text it mostly repeats, under whose name exposures are counted; None: its own.
    """

    id: DocumentId
    content_hash: ContentHash
    text_hash: ContentHash
    day: date
    state: DocumentState
    reason: str
    title: str
    header: Header
    text: str
    quality: QualityScore
    ok_to_train: bool
    ok_to_retrieve: bool
    indexed_utc: datetime
    run: RunId | None = None
    adapter: AdapterVersion | None = None
    trained_utc: datetime | None = None
    origin: DocumentId | None = None


def add(connection: Connection, row: DocumentRow) -> None:
    connection.execute(
        insert(documents).values(
            id=row.id,
            content_hash=row.content_hash,
            text_hash=row.text_hash,
            day=row.day,
            state=row.state,
            reason=row.reason,
            title=row.title,
            header=to_json(row.header),
            text=row.text,
            quality=row.quality.total,
            quality_parts=to_json(row.quality),
            ok_to_train=row.ok_to_train,
            ok_to_retrieve=row.ok_to_retrieve,
            indexed_utc=row.indexed_utc,
            run=row.run,
            adapter=row.adapter,
            trained_utc=row.trained_utc,
            origin=row.origin,
        )
    )


def revive(connection: Connection, row: DocumentRow, lineage: Sequence[AdapterVersion]) -> None:
    """A version that was superseded or gone is back on disk, and was screened anew as `row` says.

    What the lineage that serves was taught is historical again; what only a version left behind was taught is set
    apart, as a rollback does it; anything else is as new.
    """
    it = _key(row.id, row.content_hash)
    if _into_history(connection, it, lineage):
        return
    left_behind = {"state": DocumentState.QUARANTINED, "reason": ROLLED_BACK}
    if not connection.execute(
        update(documents).where(it, documents.c.adapter.is_not(None)).values(left_behind)
    ).rowcount:
        as_new: dict[str, object] = {"state": row.state, "reason": row.reason, "run": None}
        as_new |= {"ok_to_train": row.ok_to_train, "ok_to_retrieve": row.ok_to_retrieve, "origin": row.origin}
        connection.execute(update(documents).where(it).values(as_new))


def retire(connection: Connection, document: DocumentId, state: DocumentState, reason: str) -> int:
    """Move the present version out of use (superseded, gone). A claimed one stays for its run. Returns how many."""
    keep = (DocumentState.BUFFERED, DocumentState.HISTORICAL, DocumentState.QUARANTINED)
    return connection.execute(
        update(documents)
        .where(documents.c.id == document, documents.c.state.in_(keep))
        .values(state=state, reason=reason)
    ).rowcount


def claim(connection: Connection, run: RunId, rows: Sequence[tuple[DocumentId, ContentHash]]) -> int:
    """Bind buffered versions to a run; others are passed over. Returns how many were bound."""
    return sum(
        connection.execute(
            update(documents)
            .where(_key(*row), documents.c.state == DocumentState.BUFFERED)
            .values(state=DocumentState.CLAIMED, run=run)
        ).rowcount
        for row in rows
    )


def release(connection: Connection, run: RunId, reason: str) -> int:
    """Give a run's claimed versions back to the buffer, untrained. Ones that were edited meanwhile are superseded."""
    freed = connection.execute(
        update(documents)
        .where(documents.c.run == run, documents.c.state == DocumentState.CLAIMED)
        .values(state=DocumentState.BUFFERED, run=None, reason=reason)
    ).rowcount
    _supersede_older(connection)
    return freed


def settle(connection: Connection, run: RunId, adapter: AdapterVersion, now: datetime) -> int:
    """Mark a run's claimed versions trained into `adapter` and move them to history. Returns how many."""
    moved = connection.execute(
        update(documents)
        .where(documents.c.run == run, documents.c.state == DocumentState.CLAIMED)
        .values(state=DocumentState.HISTORICAL, adapter=adapter, trained_utc=now, reason="")
    ).rowcount
    _supersede_older(connection)
    return moved


def set_apart(connection: Connection, run: RunId, names: Sequence[DocumentId], reason: str) -> int:
    """Of a run's claimed versions, these wait for a person, and are not shown meanwhile. Returns how many."""
    claimed = and_(documents.c.run == run, documents.c.state == DocumentState.CLAIMED, documents.c.id.in_(names))
    waiting = {"state": DocumentState.QUARANTINED, "reason": reason, "run": None, "ok_to_retrieve": False}
    return connection.execute(update(documents).where(claimed).values(**waiting)).rowcount


def admit(connection: Connection, row: DocumentRow, reason: str) -> int:
    """A version that was set apart is as new: in the buffer, trained and shown as its header allows."""
    values: dict[str, object] = {
        "state": DocumentState.BUFFERED,
        "reason": reason,
        "adapter": None,
        "run": None,
        "trained_utc": None,
    }
    values |= {"ok_to_train": row.header.ok_to_train, "ok_to_retrieve": row.header.ok_to_retrieve}
    waiting = and_(_key(row.id, row.content_hash), documents.c.state == DocumentState.QUARANTINED)
    return connection.execute(update(documents).where(waiting).values(**values)).rowcount


def shut_out(connection: Connection, row: DocumentRow, reason: str) -> int:
    """A version that is not trained yet is set apart for good: neither trained nor shown."""
    values: dict[str, object] = {
        "state": DocumentState.QUARANTINED,
        "reason": reason,
        "adapter": None,
        "run": None,
        "trained_utc": None,
    }
    values |= {"ok_to_train": False, "ok_to_retrieve": False}
    open_to_it = documents.c.state.in_((DocumentState.QUARANTINED, DocumentState.BUFFERED))
    return connection.execute(
        update(documents).where(_key(row.id, row.content_hash), open_to_it).values(**values)
    ).rowcount


def origins(connection: Connection) -> dict[DocumentId, DocumentId]:
    """The document that each counts as, where that is another; of several versions, as the one indexed last."""
    query = select(documents.c.id, documents.c.origin).order_by(documents.c.indexed_utc)
    found = {row.id: row.origin for row in connection.execute(query)}
    return {name: origin for name, origin in found.items() if origin is not None}


def named_like(connection: Connection, name: str) -> list[DocumentId]:
    """Documents in use whose path is `name` or ends with it, for one who gives a file name alone."""
    asked = or_(documents.c.id == name, documents.c.id.endswith(f"/{name}", autoescape=True))
    query = select(documents.c.id).where(asked, documents.c.state.in_(LIVE)).distinct()
    return sorted(connection.execute(query).scalars())


def present(connection: Connection, document: DocumentId) -> DocumentRow | None:
    """The newest version that is in use, or None."""
    rows = _rows(
        connection,
        select(documents)
        .where(documents.c.id == document, documents.c.state.in_(LIVE))
        .order_by(documents.c.indexed_utc.desc()),
    )
    return rows[0] if rows else None


def find(connection: Connection, document: DocumentId, content_hash: ContentHash) -> DocumentRow | None:
    rows = _rows(connection, select(documents).where(_key(document, content_hash)))
    return rows[0] if rows else None


def in_state(connection: Connection, *states: DocumentState, until: date | None = None) -> list[DocumentRow]:
    """Versions in these states (up to a day), oldest day first, then by id."""
    query = select(documents).where(documents.c.state.in_(states))
    if until is not None:
        query = query.where(documents.c.day <= until)
    return _rows(connection, query.order_by(documents.c.day, documents.c.id))


def of_run(connection: Connection, run: RunId) -> list[DocumentRow]:
    """Versions that a run claimed or trained, oldest day first, then by id."""
    query = select(documents).where(documents.c.run == run).order_by(documents.c.day, documents.c.id)
    return _rows(connection, query)


def states(connection: Connection) -> dict[DocumentState, int]:
    query = select(documents.c.state, func.count()).group_by(documents.c.state)
    return {DocumentState(state): count for state, count in connection.execute(query)}


def known(connection: Connection) -> dict[DocumentId, tuple[ContentHash, ...]]:
    """Content hashes of the versions in use, by document."""
    query = select(documents.c.id, documents.c.content_hash).where(documents.c.state.in_(LIVE))
    found: dict[DocumentId, tuple[ContentHash, ...]] = {}
    for document, content_hash in connection.execute(query):
        found[document] = (*found.get(document, ()), content_hash)
    return found


def _supersede_older(connection: Connection) -> None:
    """Of several versions in use, only the one indexed last stays so."""
    newer = documents.alias("newer")
    exists = (
        select(newer.c.id)
        .where(
            newer.c.id == documents.c.id,
            newer.c.state.in_(LIVE),
            newer.c.indexed_utc > documents.c.indexed_utc,
        )
        .exists()
    )
    settled = (DocumentState.BUFFERED, DocumentState.HISTORICAL)
    connection.execute(
        update(documents)
        .where(documents.c.state.in_(settled), exists)
        .values(state=DocumentState.SUPERSEDED, reason="a newer version was indexed")
    )


def _key(document: DocumentId, content_hash: ContentHash):  # type: ignore[no-untyped-def] # SQLAlchemy's clause type is private
    return and_(documents.c.id == document, documents.c.content_hash == content_hash)


def _rows(connection: Connection, query) -> list[DocumentRow]:  # type: ignore[no-untyped-def] # any select of this table
    return [_row(mapping) for mapping in connection.execute(query).mappings()]


def _row(mapping) -> DocumentRow:  # type: ignore[no-untyped-def] # a row mapping of this table
    fields = {name: mapping[name] for name in DocumentRow.__dataclass_fields__ if name not in {"header", "quality"}}
    fields["state"] = DocumentState(mapping["state"])
    return DocumentRow(
        **fields,
        header=from_json(Header, mapping["header"]),
        quality=from_json(QualityScore, mapping["quality_parts"]),
    )


def ids(rows: Iterable[DocumentRow]) -> tuple[DocumentId, ...]:
    return tuple(row.id for row in rows)


def live_states(connection: Connection) -> dict[DocumentId, DocumentState]:
    """The state of every document in use; of two versions in use, that of the one indexed last."""
    query = (
        select(documents.c.id, documents.c.state).where(documents.c.state.in_(LIVE)).order_by(documents.c.indexed_utc)
    )
    return {row.id: DocumentState(row.state) for row in connection.execute(query)}


def sprints(connection: Connection) -> set[str]:
    """What the headers of the documents in use say of their sprint, as written there."""
    query = select(documents.c.header).where(documents.c.state.in_(LIVE))
    return {from_json(Header, header).sprint for header in connection.execute(query).scalars()} - {""}


def newest(connection: Connection) -> tuple[datetime | None, datetime | None]:
    """When a document last came into the buffer, and when one last went into history."""
    live = tuple(state for state in LIVE if state is not DocumentState.HISTORICAL)
    buffered = select(func.max(documents.c.indexed_utc)).where(documents.c.state.in_(live))
    trained = select(func.max(documents.c.trained_utc)).where(documents.c.state == DocumentState.HISTORICAL)
    return connection.execute(buffered).scalar(), connection.execute(trained).scalar()


def follow_lineage(
    connection: Connection, lineage: Sequence[AdapterVersion], reason: str, *, retrain: bool, why: str = ""
) -> tuple[int, int]:
    """After the pointer moved: versions trained outside the lineage leave history; those that it was taught come back,
    set aside or waiting to be trained again as they may be.

    `why` is put behind the reason of those that leave. Returns (left, came back). With `retrain` those that leave go to
    the buffer and forget their adapter.
    """
    outside = and_(documents.c.state == DocumentState.HISTORICAL, documents.c.adapter.not_in(lineage))
    told = f"{reason}: {why}" if why else reason
    change: dict[str, object] = {"state": DocumentState.QUARANTINED, "reason": told}
    if retrain:
        change = {"state": DocumentState.BUFFERED, "reason": told, "adapter": None, "run": None, "trained_utc": None}
    left = connection.execute(update(documents).where(outside).values(**change)).rowcount
    set_aside = and_(
        documents.c.state == DocumentState.QUARANTINED, documents.c.reason.startswith(reason, autoescape=True)
    )
    waiting = documents.c.state == DocumentState.BUFFERED
    return left, _into_history(connection, or_(set_aside, waiting), lineage)


def _into_history(connection: Connection, which: ColumnElement[bool], lineage: Sequence[AdapterVersion]) -> int:
    """Those of the versions that an adapter of the lineage was taught are history. Returns how many."""
    taught = and_(
        adapter_documents.c.document == documents.c.id,
        adapter_documents.c.content_hash == documents.c.content_hash,
        adapter_documents.c.adapter.in_(lineage),
        adapters.c.version == adapter_documents.c.adapter,
    )
    values = {
        "adapter": select(adapters.c.version).where(taught).limit(1).scalar_subquery(),
        "run": select(adapters.c.run).where(taught).limit(1).scalar_subquery(),
        "trained_utc": select(adapters.c.created_utc).where(taught).limit(1).scalar_subquery(),
    }
    return connection.execute(
        update(documents)
        .where(which, select(adapters.c.version).where(taught).exists())
        .values(state=DocumentState.HISTORICAL, reason="", **values)
    ).rowcount


def contradictions(connection: Connection) -> list[DocumentId]:
    """Documents whose row contradicts its state: history without an adapter, a claim without a run, two in use."""
    history = and_(documents.c.state == DocumentState.HISTORICAL, documents.c.adapter.is_(None))
    claimed = and_(documents.c.state == DocumentState.CLAIMED, documents.c.run.is_(None))
    wrong = set(connection.execute(select(documents.c.id).where(or_(history, claimed))).scalars())
    settled = (DocumentState.BUFFERED, DocumentState.HISTORICAL)
    twice = (
        select(documents.c.id).where(documents.c.state.in_(settled)).group_by(documents.c.id).having(func.count() > 1)
    )
    return sorted(wrong | set(connection.execute(twice).scalars()))


def not_trainable(connection: Connection, names: Iterable[DocumentId]) -> frozenset[DocumentId]:
    """Those of these that the journal has or had, and that may not be trained as they stand: barred, waiting for a
    person, or gone. What was never a document of the journal is not among them."""
    usable = (DocumentState.BUFFERED, DocumentState.CLAIMED, DocumentState.HISTORICAL)
    found: dict[DocumentId, bool] = {}
    ordered = sorted(set(names))
    for start in range(0, len(ordered), PAGE):
        page = documents.c.id.in_(ordered[start : start + PAGE])
        for row in connection.execute(select(documents.c.id, documents.c.state, documents.c.ok_to_train).where(page)):
            found[row.id] = found.get(row.id, False) or (bool(row.ok_to_train) and row.state in usable)
    return frozenset(name for name, trainable in found.items() if not trainable)
