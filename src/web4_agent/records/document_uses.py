"""How often each document was put before the model, per day: the real access log behind the hot ranking."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Column, Connection, Date, Integer, PrimaryKeyConstraint, Table, Text, func, select

from web4_agent.domain.ids import DocumentId
from web4_agent.domain.queries import Interaction
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.upsert import add_up

document_uses = Table(
    "document_uses",
    metadata,
    Column("day", Date, nullable=False),
    Column("document", Text, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("last_utc", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("day", "document"),
)


@dataclass(frozen=True, slots=True)
class Use:
    """How many queries a document was shown to, on how many days, and when last."""

    document: DocumentId
    uses: int
    days: int
    last_utc: datetime


def add(connection: Connection, rows: Iterable[Interaction]) -> None:
    """Count one use a query and document, however many passages of it were shown. Not idempotent, as the roll-up."""
    found: dict[tuple[date, str], tuple[int, datetime]] = {}
    for row in rows:
        for document in {source.document for source in row.sources} if row.sources else ():
            key = (row.at_utc.date(), document)
            uses, last = found.get(key, (0, row.at_utc))
            found[key] = (uses + 1, max(last, row.at_utc))
    add_up(
        connection,
        document_uses,
        [
            {"day": key[0], "document": key[1], "uses": found[key][0], "last_utc": found[key][1]}
            for key in sorted(found)
        ],
        ("uses",),
        latest="last_utc",
    )


def ranking(connection: Connection, start: date, end: date, count: int, skip: int = 0) -> Sequence[Use]:
    """The most used documents of the days from `start` to `end`, both included; equal ones by the later use. The first
    `skip` of them are left out."""
    uses = document_uses.c
    total, last = func.sum(uses.uses), func.max(uses.last_utc, type_=UtcDateTime)
    query = (
        select(uses.document, total, func.count(), last)
        .where(uses.day >= start, uses.day <= end)
        .group_by(uses.document)
        .order_by(total.desc(), last.desc(), uses.document)
        .limit(count)
        .offset(skip)
    )
    return [Use(DocumentId(row[0]), int(row[1]), int(row[2]), row[3]) for row in connection.execute(query)]
