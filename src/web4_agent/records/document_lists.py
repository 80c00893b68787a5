"""Documents as lists show them: found by state and words, a page at a time, without their texts.

Called by the dashboard and by the quarantine's list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId, RunId
from web4_agent.records.documents import LIVE, DocumentRow, documents, find

MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """A document in use, without its text. `quality` is 0 to 100."""

    id: DocumentId
    content_hash: ContentHash
    day: date
    state: DocumentState
    reason: str
    title: str
    quality: float
    indexed_utc: datetime
    run: RunId | None
    adapter: AdapterVersion | None


def count(connection: Connection, states: Sequence[DocumentState], words: str = "") -> int:
    """How many documents in these states have all of `words` in path or title."""
    query = select(func.count()).select_from(documents).where(_matching(states, words))
    return int(connection.execute(query).scalar_one())


def page(
    connection: Connection, states: Sequence[DocumentState], words: str, skip: int, most: int
) -> list[DocumentLine]:
    """Those documents, the newest day first."""
    of = documents.c
    columns = (of.id, of.content_hash, of.day, of.state, of.reason, of.title, of.quality, of.indexed_utc)
    query = select(*columns, of.run, of.adapter).where(_matching(states, words))
    rows = connection.execute(query.order_by(of.day.desc(), of.id.desc()).offset(skip).limit(most))
    return [
        DocumentLine(
            row.id,
            row.content_hash,
            row.day,
            DocumentState(row.state),
            row.reason,
            row.title,
            row.quality,
            row.indexed_utc,
            row.run,
            row.adapter,
        )
        for row in rows
    ]


def keys(connection: Connection, state: DocumentState) -> list[tuple[DocumentId, ContentHash]]:
    """Versions in this state, oldest day first, then by id: their names alone."""
    query = select(documents.c.id, documents.c.content_hash).where(documents.c.state == state)
    rows = connection.execute(query.order_by(documents.c.day, documents.c.id, documents.c.content_hash))
    return [(row.id, row.content_hash) for row in rows]


def read(connection: Connection, wanted: Sequence[tuple[DocumentId, ContentHash]]) -> list[DocumentRow]:
    """These versions whole, in the order asked for; what went meanwhile is left out."""
    found = (find(connection, *one) for one in wanted)
    return [row for row in found if row is not None]


def titles(connection: Connection, names: Sequence[DocumentId]) -> dict[DocumentId, str]:
    """Titles of those of these (a few hundred at most) that are in use."""
    query = select(documents.c.id, documents.c.title).where(documents.c.id.in_(names), documents.c.state.in_(LIVE))
    return {DocumentId(row.id): row.title for row in connection.execute(query.order_by(documents.c.indexed_utc))}


def trained_counts(connection: Connection) -> dict[AdapterVersion, int]:
    """How many documents of the history each adapter was taught first."""
    history = documents.c.state == DocumentState.HISTORICAL
    query = select(documents.c.adapter, func.count()).where(history).group_by(documents.c.adapter)
    return {AdapterVersion(row[0]): int(row[1]) for row in connection.execute(query) if row[0] is not None}


def _matching(states: Sequence[DocumentState], words: str) -> ColumnElement[bool]:
    """Every word stands in the path or in the title, in whatever case (of ASCII letters on SQLite)."""
    terms: list[ColumnElement[bool]] = [documents.c.state.in_(states)]
    for word in words.split()[:MOST_WORDS]:
        path, title = (column.icontains(word, autoescape=True) for column in (documents.c.id, documents.c.title))
        terms.append(or_(path, title))
    return and_(*terms)
