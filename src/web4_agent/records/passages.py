"""What can be looked up: documents in use and references, what a filter asks of them, and the keys of their chunks.

Reads the tables documents, references and chunks together; writes none. Called by retrieval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, bindparam, select

from web4_agent.domain.documents import DocumentState, Header, SectionKind
from web4_agent.domain.ids import ChunkId, ContentHash, DocumentId
from web4_agent.records.chunks import chunks
from web4_agent.records.documents import LIVE, documents
from web4_agent.records.references import references
from web4_agent.storage.payload import from_json


@dataclass(frozen=True, slots=True)
class Shown:
    """A document or reference as filters see it. `state` is None and `day` is None for a reference, whose `collection`
    and `ecosystem` stand here; those of a document are empty: its collection follows from its state."""

    id: DocumentId
    content_hash: ContentHash
    title: str
    ok_to_retrieve: bool
    state: DocumentState | None = None
    collection: str = ""
    day: date | None = None
    agent: str = ""
    role: str = ""
    sprint: str = ""
    ecosystem: str = ""


@dataclass(frozen=True, slots=True)
class ChunkKey:
    id: ChunkId
    document: DocumentId
    kind: SectionKind


def shown(connection: Connection) -> dict[DocumentId, Shown]:
    """Everything in use, by id; of two versions in use, the one indexed last."""
    return _documents(connection) | _references(connection)


def hashes_of(connection: Connection, ids: Sequence[DocumentId]) -> dict[DocumentId, ContentHash]:
    """The content hash of those of these few that may be shown now: in use and ok to retrieve. 0.3 ms for six."""
    rows = [row for row in connection.execute(_VERSIONS, {"ids": ids}) if row.state in LIVE]
    newest = {row.id: row for row in sorted(rows, key=lambda row: row.indexed_utc)}
    newest |= {row.id: row for row in connection.execute(_REFERENCES, {"ids": ids})}
    return {name: ContentHash(row.content_hash) for name, row in newest.items() if row.ok_to_retrieve}


def texts_of(connection: Connection, document: DocumentId) -> dict[ChunkId, str]:
    """The text of each of a document's chunks, in order."""
    return {ChunkId(row.id): row.text for row in connection.execute(_TEXTS, {"document": document})}


def keys(connection: Connection) -> list[ChunkKey]:
    """The chunks of everything, by document and position."""
    query = select(chunks.c.id, chunks.c.document, chunks.c.kind).order_by(chunks.c.document, chunks.c.position)
    return [ChunkKey(row.id, row.document, SectionKind(row.kind)) for row in connection.execute(query)]


def _documents(connection: Connection) -> dict[DocumentId, Shown]:
    fields = documents.c
    query = select(
        fields.id, fields.content_hash, fields.title, fields.ok_to_retrieve, fields.state, fields.day, fields.header
    ).where(fields.state.in_(LIVE))
    found: dict[DocumentId, Shown] = {}
    for row in connection.execute(query.order_by(fields.indexed_utc)):
        header = from_json(Header, row.header)
        found[row.id] = Shown(
            row.id,
            row.content_hash,
            row.title,
            bool(row.ok_to_retrieve),
            DocumentState(row.state),
            day=row.day,
            agent=header.agent,
            role=header.role,
            sprint=header.sprint,
        )
    return found


def _references(connection: Connection) -> dict[DocumentId, Shown]:
    fields = references.c
    query = select(
        fields.id, fields.content_hash, fields.title, fields.ok_to_retrieve, fields.collection, fields.ecosystem
    )
    return {
        row.id: Shown(
            row.id,
            row.content_hash,
            row.title,
            bool(row.ok_to_retrieve),
            collection=row.collection,
            ecosystem=row.ecosystem,
        )
        for row in connection.execute(query)
    }


# Made once: making them takes longer than running them. States are compared in Python, or SQLite would look through all
# documents of a state rather than for the few ids.
_VERSIONS = select(
    documents.c.id,
    documents.c.content_hash,
    documents.c.ok_to_retrieve,
    documents.c.state,
    documents.c.indexed_utc,
).where(documents.c.id.in_(bindparam("ids", expanding=True)))
_REFERENCES = select(references.c.id, references.c.content_hash, references.c.ok_to_retrieve).where(
    references.c.id.in_(bindparam("ids", expanding=True))
)
_TEXTS = (
    select(chunks.c.id, chunks.c.text).where(chunks.c.document == bindparam("document")).order_by(chunks.c.position)
)
