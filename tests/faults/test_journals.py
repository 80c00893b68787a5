"""A journal that changes while it is read: rewritten, cut off, removed between being found and being read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.table import told, told_in_words
from tests.faults.worlds import check_learned, check_untouched, states
from tests.flows.fakes import World
from tests.flows.pages import page, write
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import JournalError
from web4_agent.flows import indexing
from web4_agent.flows.indexing import IndexSummary
from web4_agent.steps.journal.parse import read_document


def index_while(world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]) -> IndexSummary:
    """Index, and change the file of one topic after it was found and before it is read."""
    real = read_document

    def read(root: Path, path: Path, *, max_bytes: int) -> object:
        if "queue-limit" in path.name:
            change(path)
        return real(root, path, max_bytes=max_bytes)

    with monkeypatch.context() as patch:
        patch.setattr(indexing, "read_document", read)
        return world.index()


def test_a_document_that_is_removed_before_it_is_read_is_gone_with_the_next_index(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = index_while(world, monkeypatch, Path.unlink)
    (rejection,) = summary.rejected
    told_in_words("journal file removed before it is read", f"{rejection.reason}: {rejection.detail}", 0)
    assert summary.gone == 0
    check_untouched(world)
    assert world.index().gone == 1


def test_a_document_that_is_emptied_before_it_is_read_stays_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = index_while(world, monkeypatch, lambda path: path.write_bytes(b""))
    (rejection,) = summary.rejected
    told_in_words("journal file cut off before it is read", f"{rejection.reason}: {rejection.detail}", 0)
    assert states(world) == {DocumentState.BUFFERED: 6}
    world.night()
    check_learned(world)


def test_a_document_that_is_rewritten_before_it_is_read_is_taken_as_it_is_now(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = page("queue limit", "It is 128 now, after the second pump came.")
    summary = index_while(world, monkeypatch, lambda path: path.write_text(now, encoding="utf-8"))
    assert (summary.edited, summary.rejected) == (1, ())
    assert states(world) == {DocumentState.BUFFERED: 6, DocumentState.SUPERSEDED: 1}


def test_a_document_that_is_written_while_it_is_read_waits_for_the_next_index(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(world.journal, "1600-new-matter", page("new matter", "Half of it is written."))
    number, real = path.stat().st_ino, os.fstat

    def written_meanwhile(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if found.st_ino == number and path.stat().st_size == found.st_size:
            os.truncate(path, found.st_size + 20)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", written_meanwhile)
        summary = world.index()
    told_in_words(
        "journal file written while it is read",
        next(f"{one.reason}: {one.detail}" for one in summary.rejected if "new-matter" in one.id),
        0,
    )
    write(world.journal, "1600-new-matter", page("new matter", "Both halves of it are written."))
    assert world.index().new == 1


def test_a_journal_that_is_gone_is_named_and_nothing_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "GONE_CHECK_FROM", 3)  # this journal is a small one
    away = world.journal.rename(world.journal.with_name("away"))
    with pytest.raises(JournalError) as caught:
        world.index()
    told("journal gone", caught.value)
    world.journal.mkdir()
    with pytest.raises(JournalError) as unmounted:
        world.index()
    told("journal empty, as of a disk that is not mounted", unmounted.value)
    world.journal.rmdir()
    away.rename(world.journal)
    assert world.index().unchanged == 6
    check_untouched(world)
