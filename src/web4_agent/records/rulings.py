"""The rulings table: what a person decided on a document that was set apart, and why. Rows are added, never changed.

A ruling is on a text: it holds for equal bytes under any name. The newest on a text counts.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, String, Table, Text, func, insert, select

from web4_agent.domain.documents import Ruling
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

rulings = Table(
    "rulings",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("document", Text, nullable=False),
    Column("content_hash", String(64), nullable=False, index=True),
    Column("ruling", String(16), nullable=False),
    Column("reason", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RulingRow:
    at_utc: datetime
    document: DocumentId
    content_hash: ContentHash
    ruling: Ruling
    reason: str


def put(connection: Connection, row: RulingRow) -> None:
    number = int(connection.execute(select(func.coalesce(func.max(rulings.c.number), 0))).scalar_one()) + 1
    connection.execute(
        insert(rulings).values(
            number=number,
            at_utc=row.at_utc,
            document=row.document,
            content_hash=row.content_hash,
            ruling=row.ruling,
            reason=row.reason,
        )
    )


def latest(connection: Connection) -> dict[ContentHash, RulingRow]:
    """The ruling that counts, by the hash of the text it is on."""
    return {row.content_hash: row for row in every(connection)}


def every(connection: Connection) -> list[RulingRow]:
    """All rulings, oldest first."""
    return [
        RulingRow(row.at_utc, row.document, row.content_hash, Ruling(row.ruling), row.reason)
        for row in connection.execute(select(rulings).order_by(rulings.c.number))
    ]
