import os
import subprocess
import sys
from pathlib import Path

import pytest

from web4_agent.domain.errors import DiskFullError, HomeError
from web4_agent.storage.atomic import leftovers, publish_file, publish_folder, publish_text, remove_folder


def fill(folder: Path) -> None:
    (folder / "a").write_text("one")
    (folder / "sub").mkdir()
    (folder / "sub" / "b").write_text("two")


def test_a_published_folder_is_there_whole(tmp_path: Path) -> None:
    publish_folder(fill, tmp_path / "out")
    assert (tmp_path / "out" / "sub" / "b").read_text() == "two"
    assert leftovers(tmp_path) == ()


def test_a_published_folder_is_immutable(tmp_path: Path) -> None:
    publish_folder(fill, tmp_path / "out")
    publish_folder(lambda folder: (folder / "a").write_text("other"), tmp_path / "out")
    assert (tmp_path / "out" / "a").read_text() == "one"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        fill(folder)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        publish_folder(fails, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_build_is_replaced_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os,sys,pathlib;from web4_agent.storage.atomic import publish_folder\n"
        "def build(folder):\n    (folder/'half').write_text('x'); os.kill(os.getpid(), 9)\n"
        "publish_folder(build, pathlib.Path(sys.argv[1]))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "out").exists()
    assert len(leftovers(tmp_path)) == 1
    publish_folder(fill, tmp_path / "out")
    assert not (tmp_path / "out" / "half").exists()
    assert leftovers(tmp_path) == ()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.write_text("x")
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFullError, match="no space left") as caught:
        publish_file(write, tmp_path / "file")
    assert "run again" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [13, 30])
def test_a_place_that_can_not_be_written_is_named(tmp_path: Path, number: int) -> None:
    def write(_: Path) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(HomeError, match="not writable"):
        publish_file(write, tmp_path / "file")


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    publish_text("old", tmp_path / "file")
    publish_text("new", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "new"


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    publish_folder(fill, tmp_path / "out")
    remove_folder(tmp_path / "out")
    remove_folder(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
