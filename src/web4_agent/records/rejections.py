"""The rejections table: files that are not in the buffer, and why. One row a file, replaced when it is seen again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, Text, delete, insert, select

from web4_agent.domain.documents import RejectionReason
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

rejections = Table(
    "rejections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("content_hash", String(64), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("seen_utc", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RejectionRow:
    id: DocumentId
    content_hash: ContentHash
    reason: RejectionReason
    detail: str
    seen_utc: datetime


def put(connection: Connection, row: RejectionRow) -> None:
    clear(connection, row.id)
    connection.execute(
        insert(rejections).values(
            id=row.id, content_hash=row.content_hash, reason=row.reason, detail=row.detail, seen_utc=row.seen_utc
        )
    )


def clear(connection: Connection, document: DocumentId) -> None:
    connection.execute(delete(rejections).where(rejections.c.id == document))


def every(connection: Connection) -> list[RejectionRow]:
    return [
        RejectionRow(row.id, row.content_hash, RejectionReason(row.reason), row.detail, row.seen_utc)
        for row in connection.execute(select(rejections).order_by(rejections.c.id))
    ]
