"""The timeline table: when each document was written, and by whom."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Table, Text, delete, func, insert, or_, select

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


def find(
    connection: Connection, start: datetime | None = None, end: datetime | None = None, agent: str = ""
) -> list[DocumentId]:
    """Documents from `start` (included) to `end` (not included) that name `agent` as author, as role or in their file
    name, in any case; oldest first. What is not given does not narrow."""
    query = select(timeline.c.document)
    if start is not None:
        query = query.where(timeline.c.at_utc >= start)
    if end is not None:
        query = query.where(timeline.c.at_utc < end)
    if agent:
        named = (timeline.c.agent, timeline.c.role, timeline.c.document)
        query = query.where(or_(*(column.icontains(agent, autoescape=True) for column in named)))
    return [DocumentId(name) for name in connection.execute(query.order_by(timeline.c.at_utc)).scalars()]


def beside(connection: Connection, document: DocumentId, count: int, *, later: bool) -> list[DocumentId]:
    """The `count` documents written next after `document`, or last before it, nearest first."""
    at = select(timeline.c.at_utc).where(timeline.c.document == document).scalar_subquery()
    if later:
        query = select(timeline.c.document).where(timeline.c.at_utc > at).order_by(timeline.c.at_utc)
    else:
        query = select(timeline.c.document).where(timeline.c.at_utc < at).order_by(timeline.c.at_utc.desc())
    return [DocumentId(name) for name in connection.execute(query.limit(count)).scalars()]


def agents(connection: Connection) -> list[str]:
    """Every author as the headers name them ("Maren Tolvik → Product Owner"), once each, in order."""
    query = select(timeline.c.agent).where(timeline.c.agent != "").distinct().order_by(timeline.c.agent)
    return list(connection.execute(query).scalars())


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(timeline)).scalar_one())
