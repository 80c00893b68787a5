"""Finding documents below a root."""

import os
from datetime import date
from pathlib import Path

import pytest

from web4_agent.domain.documents import RejectionReason
from web4_agent.domain.errors import JournalError
from web4_agent.steps.journal.discover import find_documents, in_window


def _write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_documents_at_any_depth_are_listed_by_id_with_their_day(tmp_path: Path) -> None:
    _write(tmp_path / "b" / "c" / "2025-09-03-UTC-0001-x.pdca.md")
    _write(tmp_path / "2025-09-02" / "undated-pdca.md")
    _write(tmp_path / "glossary.pdca.md")
    found = find_documents(tmp_path)
    assert [(document.id, document.day) for document in found.documents] == [
        ("2025-09-02/undated-pdca.md", date(2025, 9, 2)),
        ("b/c/2025-09-03-UTC-0001-x.pdca.md", date(2025, 9, 3)),
        ("glossary.pdca.md", None),
    ]


def test_other_markdown_is_counted_and_other_files_are_not(tmp_path: Path) -> None:
    for name in ("README.md", "notes/todo.md", "image.png", ".git/x.pdca.md"):
        _write(tmp_path / name)
    found = find_documents(tmp_path)
    assert (found.documents, found.rejections, found.other_markdown) == ((), (), 2)


def test_the_window_holds_both_its_days_and_whatever_has_no_day_yet(tmp_path: Path) -> None:
    for day in ("01", "02", "03", "04"):
        _write(tmp_path / f"2025-09-{day}-UTC-0000-x.pdca.md")
    _write(tmp_path / "undated.pdca.md")
    found = find_documents(tmp_path, since=date(2025, 9, 2), until=date(2025, 9, 3))
    assert [document.id[:10] for document in found.documents] == ["2025-09-02", "2025-09-03", "undated.pd"]
    assert in_window(date(2025, 9, 2), None, None)
    assert not in_window(date(2025, 9, 2), date(2025, 9, 3), None)


def test_links_out_of_the_root_are_rejected_and_never_followed(tmp_path: Path) -> None:
    outside = _write(tmp_path / "outside" / "secret.pdca.md").parent
    root = tmp_path / "journal"
    root.mkdir()
    (root / "folder").symlink_to(outside)
    (root / "file.pdca.md").symlink_to(outside / "secret.pdca.md")
    (root / "gone.pdca.md").symlink_to(outside / "nothing.pdca.md")
    found = find_documents(root)
    assert found.documents == ()
    assert [(rejection.id, rejection.reason) for rejection in found.rejections] == [
        ("file.pdca.md", RejectionReason.OUTSIDE_ROOT),
        ("folder", RejectionReason.OUTSIDE_ROOT),
        ("gone.pdca.md", RejectionReason.UNREADABLE),
    ]


def test_loops_of_links_end_and_links_within_the_root_list_nothing_twice(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "one.pdca.md")
    _write(tmp_path / "kept" / "plain.md")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "loop.pdca.md").symlink_to(tmp_path / "loop.pdca.md")
    (tmp_path / "again.pdca.md").symlink_to(tmp_path / "a" / "one.pdca.md")
    (tmp_path / "renamed.pdca.md").symlink_to(tmp_path / "kept" / "plain.md")
    found = find_documents(tmp_path)
    assert [document.id for document in found.documents] == ["a/one.pdca.md", "renamed.pdca.md"]
    assert [rejection.id for rejection in found.rejections] == ["loop.pdca.md"]


def test_what_may_not_be_read_is_rejected_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.pdca.md", "b.pdca.md", "closed/c.pdca.md"):
        _write(tmp_path / name)
    real_scandir = os.scandir

    def scandir(path: Path) -> "os._ScandirIterator[str]":
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "a.pdca.md")
    found = find_documents(tmp_path)
    assert [document.id for document in found.documents] == ["b.pdca.md"]
    assert {rejection.id for rejection in found.rejections} == {"a.pdca.md", "closed"}


def test_a_root_that_is_a_link_is_entered(tmp_path: Path) -> None:
    _write(tmp_path / "real" / "a.pdca.md")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert [document.id for document in find_documents(tmp_path / "root").documents] == ["a.pdca.md"]


def test_names_that_are_no_utf8_are_written_as_escapes(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.pdca.md")).write_text("x")
    assert [document.id for document in find_documents(tmp_path).documents] == ["caf\\xe9.pdca.md"]


@pytest.mark.parametrize("root", ["missing", "file.txt", "loop"])
def test_a_root_that_is_no_folder_is_an_error_with_a_hint(tmp_path: Path, root: str) -> None:
    _write(tmp_path / "file.txt")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(JournalError) as raised:
        find_documents(tmp_path / root)
    assert raised.value.hint
    assert root in raised.value.message
