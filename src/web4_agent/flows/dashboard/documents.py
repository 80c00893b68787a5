"""The documents page: what is in the buffer and in history, found by words; the hot ranking; one document."""

from dataclasses import dataclass
from datetime import UTC, timedelta
from enum import StrEnum

from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import DocumentId
from web4_agent.flows.dashboard.parts import DashboardParts, Paged, paged
from web4_agent.records import document_lists, document_uses, documents, rejections
from web4_agent.records.document_lists import DocumentLine
from web4_agent.records.document_uses import Use
from web4_agent.records.documents import DocumentRow

DOCUMENTS_A_PAGE = 25
HOT_DAYS = 7
LONGEST_SEARCH = 200


class Shelf(StrEnum):
    """What the list shows. Each is a set of states but `quarantine` and `hot`, which are lists of their own."""

    BUFFER = "buffer"
    QUARANTINE = "quarantine"
    HISTORY = "history"
    HOT = "hot"
    ALL = "all"


STATES = {
    Shelf.BUFFER: (DocumentState.BUFFERED, DocumentState.CLAIMED),
    Shelf.HISTORY: (DocumentState.HISTORICAL,),
    Shelf.ALL: documents.LIVE,
}


@dataclass(frozen=True, slots=True)
class HotLine:
    """`rank` counts from 1 over all pages."""

    rank: int
    use: Use
    title: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Documents by state, and files that are not in the buffer."""

    states: dict[DocumentState, int]
    refused: int


def list_documents(parts: DashboardParts, shelf: Shelf, words: str, number: int) -> Paged[DocumentLine]:
    """Those of a shelf with all of `words` in path or title, newest day first. Raises DatabaseError."""
    states, sought = STATES[shelf], words[:LONGEST_SEARCH]
    with parts.database.read() as connection:
        skip = (number - 1) * DOCUMENTS_A_PAGE
        found = document_lists.page(connection, states, sought, skip, DOCUMENTS_A_PAGE + 1)
        total = document_lists.count(connection, states, sought)
    return paged(found, number, DOCUMENTS_A_PAGE, total)


def hot_documents(parts: DashboardParts, number: int) -> Paged[HotLine]:
    """Documents of the last days by how many queries they were shown to."""
    today = parts.now().astimezone(UTC).date()
    skip = (number - 1) * DOCUMENTS_A_PAGE
    with parts.database.read() as connection:
        start = today - timedelta(days=HOT_DAYS - 1)
        used = document_uses.ranking(connection, start, today, DOCUMENTS_A_PAGE + 1, skip)
        titles = document_lists.titles(connection, [one.document for one in used])
    lines = [HotLine(skip + at, one, titles.get(one.document, "")) for at, one in enumerate(used, start=1)]
    return paged(lines, number, DOCUMENTS_A_PAGE)


def counts(parts: DashboardParts) -> Counts:
    with parts.database.read() as connection:
        return Counts(documents.states(connection), len(rejections.every(connection)))


def show_document(parts: DashboardParts, name: str) -> DocumentRow:
    """The version in use. Raises UsageError when there is none of this name."""
    with parts.database.read() as connection:
        found = documents.present(connection, DocumentId(name))
    if found is None:
        raise UsageError(f"no document in use is called {name[:200]!r}", "web4-agent index --all")
    return found
