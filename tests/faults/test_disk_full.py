"""A disk that is full: at every publish of a flow, in the database, and a real one of a few megabytes."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.table import told
from tests.faults.worlds import check_learned, check_untouched, check_whole, production, until_through, world_in
from tests.flows.fakes import DAY, World
from web4_agent.domain.errors import DiskFullError
from web4_agent.domain.ids import BASE
from web4_agent.domain.runs import RunState
from web4_agent.flows.backing_up import back_up
from web4_agent.flows.rollback import roll_back
from web4_agent.storage import atomic


@contextmanager
def full_once_for_each_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The disk is full when a file is written out for the first time; yields the names of those it hit."""
    hit: list[str] = []
    real = atomic._sync_file

    def sync(path: Path) -> None:
        if str(path) not in hit:
            hit.append(str(path))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_sync_file", sync)
        yield hit


def test_a_night_whose_disk_is_full_at_every_publish_goes_on_each_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_once_for_each_file(monkeypatch) as hit:
        serving = production(world)

        def failed() -> None:
            with pytest.raises(DiskFullError) as caught:
                raise  # noqa: PLE0704 - the error that is being handled
            told("disk full while a file is published", caught.value)
            if production(world) == serving:
                check_untouched(world)

        _, faults = until_through(world.night, failed)
    names = {Path(path).name for path in hit}
    assert {"samples.json", "adapter_model.safetensors", "MANIFEST.json", "report.json", "ledger.db"} <= {
        name.removeprefix(".tmp-") for name in names
    }
    assert faults == len(hit) >= 15
    check_learned(world)


def test_a_rollback_whose_disk_is_full_is_ended_by_the_same_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.night()
    with full_once_for_each_file(monkeypatch) as hit:

        def failed() -> None:
            with pytest.raises(DiskFullError):
                raise  # noqa: PLE0704 - the error that is being handled

        done, faults = until_through(lambda: roll_back(world.rollback_parts(), None), failed)
    assert (done.target, faults) == (BASE, len(hit))
    assert faults >= 1
    check_whole(world)


def test_a_backup_for_which_there_is_no_room_writes_nothing(world: World) -> None:
    world.night()
    with pytest.raises(DiskFullError) as caught:
        back_up(replace(world.backup_parts(), free_bytes=lambda _: 1_000_000))
    told("too little room for a backup", caught.value)
    check_whole(world)


def test_a_database_that_can_not_grow_stops_the_night_and_loses_nothing(world: World) -> None:
    with world.database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        pages = driver.execute("PRAGMA page_count").fetchone()[0]
        driver.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DiskFullError) as caught:
        world.night()
    told("no room for the database", caught.value)
    check_untouched(world)
    world.database.close()  # with its connection goes the limit
    world.night()
    check_learned(world)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 96 MB of memory."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)]
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system, and not everywhere")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("point", ["collect.started", "prepare.started", "train.started", "promote.started"])
def test_a_disk_that_is_really_full_is_named_and_the_night_goes_on_when_there_is_room(
    small_disk: Path, migrated: Path, point: str
) -> None:
    world = world_in(small_disk / "world", migrated)
    filler = small_disk / "filler"

    def fill(reached: str) -> None:
        if reached == point:
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(1 << 16))
                        file.flush()
                except OSError:
                    pass

    with pytest.raises(DiskFullError):
        world.night(reached=fill)
    filler.unlink()
    check_untouched(world)
    world.night()
    check_learned(world)
    assert world.night(DAY + timedelta(days=1)).state is RunState.NOTHING_NEW
    world.database.close()
