"""Which files of a folder are looked up, and which are refused for what they are."""

import os
from pathlib import Path

import pytest

from web4_agent.domain.documents import RejectionReason
from web4_agent.domain.errors import UsageError
from web4_agent.steps.references import SOURCE_SUFFIXES, TEXT_SUFFIXES, ReadFile, find_files, read_file


def put(root: Path, name: str, text: str = "text\n") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_files_count_by_suffix_and_folders_that_tools_fill_are_passed_over(tmp_path: Path) -> None:
    for name in ("src/a.ts", "README.md", "node_modules/x/i.js", ".git/hooks.py", "dist/a.js", "lib.min.js", "a.png"):
        put(tmp_path, name)
    put(tmp_path, ".env", "TOKEN=1")
    found = find_files(tmp_path, SOURCE_SUFFIXES)
    assert [one.name for one in found.files] == ["README.md", "src/a.ts"]
    assert found.passed_over == 2
    assert [one.name for one in find_files(tmp_path, TEXT_SUFFIXES).files] == ["README.md"]


def test_links_out_of_the_folder_are_refused_and_loops_hold_nobody(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/secret.md")
    root = tmp_path / "root"
    put(root, "a.md")
    (root / "out.md").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    (root / "nowhere.md").symlink_to(root / "missing.md")
    (root / "again.md").symlink_to(root / "a.md")
    (root / "loop").symlink_to(root)
    found = find_files(root, TEXT_SUFFIXES)
    assert [one.name for one in found.files] == ["a.md"]
    assert {(name, reason) for name, reason, _ in found.rejected} == {
        ("out.md", RejectionReason.OUTSIDE_ROOT),
        ("folder", RejectionReason.OUTSIDE_ROOT),
        ("nowhere.md", RejectionReason.UNREADABLE),
    }


def test_a_folder_that_is_not_there_or_far_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        find_files(tmp_path / "none", TEXT_SUFFIXES)
    with pytest.raises(UsageError, match="Not a directory"):
        find_files(put(tmp_path, "a.md"), TEXT_SUFFIXES)
    put(tmp_path, "b.md")
    with pytest.raises(UsageError, match="more than 1 files"):
        find_files(tmp_path, TEXT_SUFFIXES, max_files=1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", RejectionReason.EMPTY),
        (b" \n\n", RejectionReason.EMPTY),
        (b"a\x00b", RejectionReason.BINARY),
        (bytes(range(1, 32)) * 9, RejectionReason.BINARY),
        ("Größe".encode("latin-1"), RejectionReason.NOT_UTF8),
        ("text".encode("utf-16"), RejectionReason.NOT_UTF8),
        (b"x" * 101, RejectionReason.TOO_LARGE),
    ],
)
def test_what_is_no_text_of_bounded_size_is_refused_with_its_reason(
    tmp_path: Path, data: bytes, reason: RejectionReason
) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(data)
    read = read_file(path, 300 if reason is not RejectionReason.TOO_LARGE else 100)
    assert isinstance(read, tuple)
    assert read[0] is reason


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert read_file(tmp_path / "pipe.md", 100) == (RejectionReason.UNREADABLE, "no regular file")


def test_text_is_read_with_its_title_and_plain_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"\xef\xbb\xbf# How we release #\r\n\r\nOn Fridays.\r\n")
    read = read_file(path, 1000)
    assert isinstance(read, ReadFile)
    assert (read.title, read.text) == ("How we release", "# How we release #\n\nOn Fridays.\n")
