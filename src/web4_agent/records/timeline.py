"""The timeline table: when each document was written, and by whom."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Table, Text, delete, func, insert, select

from web4_agent.domain.ids import DocumentId
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

timeline = Table(
    "timeline",
    metadata,
    Column("document", Text, primary_key=True),
    Column("at_utc", UtcDateTime, nullable=False, index=True),
    Column("agent", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("title", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class TimelineRow:
    document: DocumentId
    at_utc: datetime
    agent: str
    role: str
    title: str


def put(connection: Connection, row: TimelineRow) -> None:
    remove(connection, row.document)
    connection.execute(
        insert(timeline).values(
            document=row.document, at_utc=row.at_utc, agent=row.agent, role=row.role, title=row.title
        )
    )


def remove(connection: Connection, document: DocumentId) -> None:
    connection.execute(delete(timeline).where(timeline.c.document == document))


def between(connection: Connection, start: datetime, end: datetime) -> list[TimelineRow]:
    query = select(timeline).where(timeline.c.at_utc >= start, timeline.c.at_utc < end).order_by(timeline.c.at_utc)
    return [TimelineRow(*row) for row in connection.execute(query)]


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(timeline)).scalar_one())
