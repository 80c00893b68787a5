"""Lines that wait in a file: none is lost, none comes twice, and two processes don't mix theirs."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from web4_agent.domain.errors import BusyError, HomeError
from web4_agent.storage import spill
from web4_agent.storage.spill import SpillFile


def lines(count: int, start: int = 0) -> list[bytes]:
    return [b"line %d" % number for number in range(start, start + count)]


def test_what_is_appended_comes_back_once_in_order_and_in_pages(tmp_path: Path) -> None:
    file, pages = SpillFile(tmp_path / "logs" / "spilled.jsonl"), list[Sequence[bytes]]()
    file.append(lines(3))
    file.append(lines(2, 3))
    assert file.replay(pages.append, page=2) == 5
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [line for page in pages for line in page] == lines(5)
    assert file.replay(pages.append) == 0


def test_when_the_taker_fails_everything_stays_for_the_next_time(tmp_path: Path) -> None:
    file, taken = SpillFile(tmp_path / "spilled.jsonl"), list[bytes]()

    def fail_late(page: Sequence[bytes]) -> None:
        if page[0] != b"line 0":
            raise ValueError("no")

    file.append(lines(4))
    with pytest.raises(ValueError, match="no"):
        file.replay(fail_late, page=2)
    file.append(lines(1, 4))  # meanwhile, and read after what was there before
    assert file.replay(taken.extend) == 5
    assert taken == lines(5)


def test_a_torn_line_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    file, taken = SpillFile(tmp_path / "spilled.jsonl"), list[bytes]()
    file.path.write_bytes(b"whole\ntorn of")
    file.append([b"next"])
    file.replay(taken.extend)
    assert taken == [b"whole", b"torn of", b"next"]


def test_while_another_process_reads_back_nothing_is_done(tmp_path: Path) -> None:
    file, taken = SpillFile(tmp_path / "spilled.jsonl"), list[bytes]()
    file.append(lines(1))
    with FileLock(tmp_path / "spilled.replay-lock"):
        assert file.replay(taken.extend) == 0
        file.append(lines(1, 1))
    assert file.replay(taken.extend) == 2


def test_a_writer_waits_for_another_one_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "LOCK_TIMEOUT_S", 0.01)
    with FileLock(tmp_path / "spilled.lock"), pytest.raises(BusyError):
        SpillFile(tmp_path / "spilled.jsonl").append(lines(1))


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises((HomeError, FileExistsError)):
        SpillFile(tmp_path / "logs" / "spilled.jsonl").append(lines(1))
