"""The states of documents: each move expects the state it starts from."""

from datetime import UTC, date, datetime, timedelta

from web4_agent.domain.documents import DocumentState, Header, QualityScore
from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId, RunId
from web4_agent.records import documents
from web4_agent.records.documents import DocumentRow
from web4_agent.storage.database import Database

NOW = datetime(2026, 3, 2, 21, tzinfo=UTC)
RUN, ADAPTER = RunId("night-1"), AdapterVersion("a-1")


def row(name: str, digest: str = "h1", minutes: int = 0, state: DocumentState = DocumentState.BUFFERED) -> DocumentRow:
    return DocumentRow(
        DocumentId(name), ContentHash(digest), ContentHash("t"), date(2026, 3, 2), state, "", name, Header(title=name),
        "text", QualityScore(30, 20, 10, 15, 5), True, True, NOW + timedelta(minutes=minutes),
    )  # fmt: skip


def key(one: DocumentRow) -> tuple[DocumentId, ContentHash]:
    return one.id, one.content_hash


def test_a_row_comes_back_as_it_went_in(database: Database) -> None:
    with database.begin() as connection:
        documents.add(connection, row("a"))
        assert documents.present(connection, DocumentId("a")) == row("a")
        assert documents.present(connection, DocumentId("b")) is None


def test_only_what_is_buffered_can_be_claimed_and_only_once(database: Database) -> None:
    with database.begin() as connection:
        for one in (row("a"), row("b", state=DocumentState.QUARANTINED)):
            documents.add(connection, one)
        assert documents.claim(connection, RUN, [key(row("a")), key(row("b"))]) == 1
        assert documents.claim(connection, RunId("night-2"), [key(row("a"))]) == 0


def test_settling_twice_moves_once(database: Database) -> None:
    with database.begin() as connection:
        documents.add(connection, row("a"))
        documents.claim(connection, RUN, [key(row("a"))])
        assert documents.settle(connection, RUN, ADAPTER, NOW) == 1
        assert documents.settle(connection, RUN, AdapterVersion("a-2"), NOW) == 0
        kept = documents.present(connection, DocumentId("a"))
    assert kept is not None
    assert (kept.state, kept.adapter, kept.trained_utc) == (DocumentState.HISTORICAL, ADAPTER, NOW)


def test_released_documents_that_were_edited_meanwhile_are_superseded(database: Database) -> None:
    with database.begin() as connection:
        documents.add(connection, row("a"))
        documents.claim(connection, RUN, [key(row("a"))])
        documents.add(connection, row("a", "h2", minutes=5))
        documents.release(connection, RUN, "rejected")
        assert documents.states(connection) == {DocumentState.BUFFERED: 1, DocumentState.SUPERSEDED: 1}
        present = documents.present(connection, DocumentId("a"))
    assert present is not None
    assert present.content_hash == "h2"


def test_a_claimed_version_is_not_retired(database: Database) -> None:
    with database.begin() as connection:
        documents.add(connection, row("a"))
        documents.claim(connection, RUN, [key(row("a"))])
        assert documents.retire(connection, DocumentId("a"), DocumentState.GONE, "deleted") == 0


def test_a_contradiction_is_found(database: Database) -> None:
    with database.begin() as connection:
        documents.add(connection, row("fine"))
        documents.add(connection, row("odd", state=DocumentState.HISTORICAL))
        assert documents.contradictions(connection) == ["odd"]
