"""The index over fakes: what goes in, what stays out, and that running it again changes nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.flows.pages import DAY, journal, page, write
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.documents import DocumentState, RejectionReason
from web4_agent.domain.errors import JournalError
from web4_agent.domain.ids import DocumentId
from web4_agent.flows.indexing import IndexParts, IndexRequest, index
from web4_agent.records import chunks, collections, documents, links, rejections, timeline
from web4_agent.steps.projection import BUFFER, HISTORY, differences
from web4_agent.storage.database import Database

ALL = IndexRequest()


class KeptStore(MemoryStore):
    """A memory store that outlives its closing, as a folder on disk does."""

    def close(self) -> None:
        return


@pytest.fixture
def store() -> VectorStore:
    return KeptStore()


@pytest.fixture
def parts(database: Database, tmp_path: Path, store: VectorStore) -> IndexParts:
    ticks = iter(range(10_000_000))

    def now() -> datetime:
        return datetime.fromtimestamp(1_800_000_000 + next(ticks), UTC)

    root = journal(tmp_path / "journal")

    def opened() -> VectorStore:
        return store

    return IndexParts(database, root, ScriptedEmbedder(), opened, now)


def states(database: Database) -> dict[DocumentState, int]:
    with database.begin() as connection:
        return documents.states(connection)


def test_a_journal_goes_into_ledger_links_timeline_and_buffer(parts: IndexParts, store: VectorStore) -> None:
    summary = index(parts, ALL)
    assert (summary.found, summary.new, summary.unchanged) == (6, 6, 0)
    with parts.database.begin() as connection:
        assert documents.states(connection) == {DocumentState.BUFFERED: 6}
        assert timeline.count(connection) == 6
        assert len(chunks.ids(connection)) == summary.chunks > 6
        assert collections.epochs(connection)[BUFFER] == 1
    assert len(store.ids(BUFFER)) == summary.chunks
    assert store.ids(HISTORY) == {}


def test_indexing_again_changes_nothing(parts: IndexParts) -> None:
    index(parts, ALL)
    again = index(parts, ALL)
    assert (again.new, again.edited, again.unchanged, again.chunks) == (0, 0, 6, 0)
    with parts.database.begin() as connection:
        assert collections.epochs(connection)[BUFFER] == 1


def test_a_dry_run_changes_nothing(parts: IndexParts, store: VectorStore) -> None:
    summary = index(parts, replace(ALL, dry_run=True))
    assert summary.new == 6
    assert states(parts.database) == {}
    assert store.ids(BUFFER) == {}


def test_an_edited_document_supersedes_its_former_self(parts: IndexParts, store: VectorStore) -> None:
    index(parts, ALL)
    path = write(parts.journal, "0900-queue-limit", page("queue limit", "The limit is 128 after the second pump came."))
    assert index(parts, ALL).edited == 1
    assert states(parts.database) == {DocumentState.BUFFERED: 6, DocumentState.SUPERSEDED: 1}
    with parts.database.begin() as connection:
        row = documents.present(connection, DocumentId(path.relative_to(parts.journal).as_posix()))
        assert row is not None
        assert "128" in row.text
        assert chunks.lexical(connection, "overflowed", 1) == []
    assert differences(parts.database, store)[0].empty


def test_an_edit_taken_back_revives_the_former_self(parts: IndexParts) -> None:
    index(parts, ALL)
    path = parts.journal / DAY / f"{DAY}-UTC-0900-queue-limit.pdca.md"
    before = path.read_text()
    path.write_text(before.replace("64", "96"))
    index(parts, ALL)
    path.write_text(before)
    index(parts, ALL)
    with parts.database.begin() as connection:
        row = documents.present(connection, DocumentId(f"{DAY}/{path.name}"))
    assert row is not None
    assert "64" in row.text
    assert states(parts.database) == {DocumentState.BUFFERED: 6, DocumentState.SUPERSEDED: 1}


def test_a_deleted_document_is_marked_gone_and_leaves_the_collections(parts: IndexParts, store: VectorStore) -> None:
    index(parts, ALL)
    (parts.journal / DAY / f"{DAY}-UTC-0900-queue-limit.pdca.md").unlink()
    assert index(parts, ALL).gone == 1
    assert states(parts.database) == {DocumentState.BUFFERED: 5, DocumentState.GONE: 1}
    assert f"{DAY}/{DAY}-UTC-0900-queue-limit.pdca.md" not in store.ids(BUFFER).values()


def test_a_renamed_document_is_no_duplicate_of_itself(parts: IndexParts) -> None:
    index(parts, ALL)
    path = parts.journal / DAY / f"{DAY}-UTC-0900-queue-limit.pdca.md"
    path.rename(path.with_name(f"{DAY}-UTC-0901-queue-limit.pdca.md"))
    summary = index(parts, ALL)
    assert (summary.gone, summary.new, summary.duplicates) == (1, 1, 0)


def test_a_disk_that_is_not_mounted_does_not_empty_the_ledger(parts: IndexParts) -> None:
    for at in range(10):
        write(parts.journal, f"15{at:02}-filler", page(f"filler number {at}", f"{at} " * 40 + str(hash(("x", at)))))
    index(parts, ALL)
    for path in (parts.journal / DAY).iterdir():
        path.unlink()
    with pytest.raises(JournalError, match="are gone"):
        index(parts, ALL)
    assert states(parts.database)[DocumentState.BUFFERED] >= 10
    assert index(parts, replace(ALL, accept_gone=True)).gone >= 10


def test_only_the_window_is_looked_at(parts: IndexParts) -> None:
    write(
        parts.journal, "0900-later", page("later thing", "An entirely different matter of the third."), day="2026-03-03"
    )
    only = date(2026, 3, 3)
    assert index(parts, IndexRequest(only, only)).new == 1
    (parts.journal / "2026-03-03" / "2026-03-03-UTC-0900-later.pdca.md").unlink()
    assert index(parts, IndexRequest(date(2026, 3, 2), date(2026, 3, 2))).gone == 0
    assert index(parts, IndexRequest(only, only)).gone == 1


def test_a_secret_stops_a_document_and_no_part_of_it_is_stored(parts: IndexParts) -> None:
    secret = "AKIA" + "QZ7M2XN4PLT6WRSB"
    write(parts.journal, "1500-leak", page("leaky bucket", f"The key is {secret} and opens the archive."))
    summary = index(parts, ALL)
    assert summary.quarantined == 1
    assert summary.rejected[0].reason is RejectionReason.SECRET
    with parts.database.begin() as connection:
        assert secret not in str([*rejections.every(connection), *documents.in_state(connection, *DocumentState)])
        assert documents.present(connection, summary.rejected[0].id) is None


def test_a_secret_added_later_takes_the_document_out(parts: IndexParts, store: VectorStore) -> None:
    index(parts, ALL)
    secret = "AKIA" + "QZ7M2XN4PLT6WRSB"
    write(parts.journal, "0900-queue-limit", page("queue limit", f"The key is {secret} and opens the archive."))
    index(parts, ALL)
    assert states(parts.database)[DocumentState.BUFFERED] == 5
    assert f"{DAY}/{DAY}-UTC-0900-queue-limit.pdca.md" not in store.ids(BUFFER).values()


def test_personal_data_is_redacted_and_bars_from_training(parts: IndexParts) -> None:
    write(parts.journal, "1500-visitor", page("visitor berth", "Call Ms Tern on +44 20 7946 0958 about the berth."))
    summary = index(parts, ALL)
    assert [note.what for note in summary.notes] == ["not trained"]
    with parts.database.begin() as connection:
        row = documents.present(connection, summary.notes[0].document)
    assert row is not None
    assert not row.ok_to_train
    assert "7946" not in row.text


def test_a_copy_is_left_out_as_duplicate(parts: IndexParts) -> None:
    first = (parts.journal / DAY / f"{DAY}-UTC-0900-queue-limit.pdca.md").read_text()
    write(parts.journal, "1500-copied", first)
    summary = index(parts, ALL)
    assert summary.duplicates == 1
    assert "queue-limit" in summary.rejected[0].detail


def test_bad_files_never_stop_the_others(parts: IndexParts, tmp_path: Path) -> None:
    folder = parts.journal / DAY
    (folder / f"{DAY}-UTC-1501-empty.pdca.md").write_bytes(b"")
    (folder / f"{DAY}-UTC-1502-binary.pdca.md").write_bytes(bytes(range(256)) * 40)
    (folder / f"{DAY}-UTC-1503-half.pdca.md").write_bytes("## Plan\nHalf a word: ü".encode()[:-1])
    (folder / f"{DAY}-UTC-1504-huge.pdca.md").write_bytes(b"## Plan\n" + b"x" * 3_000_000)
    outside = tmp_path / "outside.md"
    outside.write_text(page("outside"))
    (folder / f"{DAY}-UTC-1505-link.pdca.md").symlink_to(outside)
    (folder / f"{DAY}-UTC-1506-plain.pdca.md").write_text("just a line, no structure at all")
    summary = index(parts, ALL)
    reasons = {rejection.id.rsplit("-", 1)[1].split(".")[0]: rejection.reason for rejection in summary.rejected}
    assert reasons["empty"] is RejectionReason.EMPTY
    assert reasons["binary"] is RejectionReason.BINARY
    assert reasons["huge"] is RejectionReason.TOO_LARGE
    assert reasons["link"] is RejectionReason.OUTSIDE_ROOT
    assert reasons["plain"] is RejectionReason.NO_STRUCTURE
    assert states(parts.database)[DocumentState.BUFFERED] >= 6


def test_links_find_documents_that_come_later(parts: IndexParts) -> None:
    second = f"{DAY}-UTC-0930-second.pdca.md"
    first = page("first of two", "It names what comes before it, which is not there yet.", previous=second)
    write(parts.journal, "0931-first", first)
    index(parts, ALL)
    with parts.database.begin() as connection:
        assert links.previous(connection) == {}
    write(parts.journal, "0930-second", page("second of two", "Here it is at last, with words all of its own kind."))
    index(parts, ALL)
    with parts.database.begin() as connection:
        assert links.previous(connection) == {f"{DAY}/{DAY}-UTC-0931-first.pdca.md": f"{DAY}/{second}"}


def test_a_missing_root_is_named(parts: IndexParts, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="does not exist"):
        index(replace(parts, journal=tmp_path / "nowhere"), ALL)


def test_a_crash_between_ledger_and_vectors_is_mended_by_the_next_index(parts: IndexParts, store: VectorStore) -> None:
    def broken() -> VectorStore:
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError, match="killed here"):
        index(replace(parts, open_store=broken), ALL)
    assert states(parts.database) == {DocumentState.BUFFERED: 6}
    assert store.ids(BUFFER) == {}
    assert index(parts, ALL).unchanged == 6
    assert differences(parts.database, store)[0].empty
    assert len(set(store.ids(BUFFER).values())) == 6
