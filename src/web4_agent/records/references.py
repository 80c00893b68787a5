"""The references table: what is looked up and never trained on: process documents, source files, tool examples.

Their chunks stand beside the journal's in the chunks table, under ids that begin with the collection's name and a
colon, which no journal chunk has. Called by the flows that index references, and by the projection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
)

from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

references = Table(
    "references",
    metadata,
    Column("id", Text, nullable=False),
    Column("collection", String(64), nullable=False, index=True),
    Column("content_hash", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("ecosystem", String(32), nullable=False),
    Column("ok_to_retrieve", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("indexed_utc", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("id"),
)

PAGE = 500
"""Ids in one statement: below the limit of variables of every database."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing to look up. `id` is `collection:label/path`; `root` the folder it was read from; `ecosystem` is empty
    where it is for everybody."""

    id: DocumentId
    collection: str
    content_hash: ContentHash
    title: str
    root: str
    ecosystem: str
    ok_to_retrieve: bool
    text: str
    indexed_utc: datetime

    @property
    def file_path(self) -> str:
        """The path for people, with the label of its root: `docs/releases.md`."""
        return self.id.partition(":")[2]


def put(connection: Connection, row: Reference) -> None:
    """Insert or replace by id."""
    connection.execute(delete(references).where(references.c.id == row.id))
    values = {name: getattr(row, name) for name in Reference.__dataclass_fields__}
    connection.execute(insert(references).values(**values))


def remove(connection: Connection, ids: Sequence[DocumentId]) -> None:
    for start in range(0, len(ids), PAGE):
        connection.execute(delete(references).where(references.c.id.in_(ids[start : start + PAGE])))


def get(connection: Connection, reference: DocumentId) -> Reference | None:
    return next(iter(of_ids(connection, [reference]).values()), None)


def of_ids(connection: Connection, ids: Sequence[DocumentId]) -> dict[DocumentId, Reference]:
    """Those of these that are there."""
    found: dict[DocumentId, Reference] = {}
    for start in range(0, len(ids), PAGE):
        query = select(references).where(references.c.id.in_(ids[start : start + PAGE]))
        for row in connection.execute(query).mappings():
            found[row["id"]] = Reference(**{**row, "ok_to_retrieve": bool(row["ok_to_retrieve"])})
    return found


def known(connection: Connection, collection: str, root: str | None = None) -> dict[DocumentId, ContentHash]:
    """The content hash of everything in a collection, or of what one root brought to it."""
    query = select(references.c.id, references.c.content_hash).where(references.c.collection == collection)
    if root is not None:
        query = query.where(references.c.root == root)
    return {row.id: row.content_hash for row in connection.execute(query)}


def roots(connection: Connection, collection: str) -> dict[str, DocumentId]:
    """Every folder that brought something to a collection, and the id of one thing it brought."""
    query = (
        select(references.c.root, func.min(references.c.id).label("first"))
        .where(references.c.collection == collection)
        .group_by(references.c.root)
    )
    return {row.root: row.first for row in connection.execute(query)}


def collections_of(connection: Connection) -> dict[DocumentId, str]:
    return {row.id: row.collection for row in connection.execute(select(references.c.id, references.c.collection))}


def newest(connection: Connection) -> dict[str, datetime]:
    """When something was last put into each collection."""
    query = select(references.c.collection, func.max(references.c.indexed_utc)).group_by(references.c.collection)
    return {row[0]: row[1] for row in connection.execute(query)}
