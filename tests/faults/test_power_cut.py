"""The power goes at every commit point: what was not synced is gone, and the next call goes on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.faults.power import Disk
from tests.faults.worlds import MOST_FAULTS, again, check_learned, check_untouched, check_whole, production, states
from tests.flows.fakes import World
from tests.kills.invariants import at_every_instant
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import BASE
from web4_agent.flows.backing_up import back_up
from web4_agent.flows.rollback import roll_back
from web4_agent.steps.backup import verify

T = TypeVar("T")
ENDED = "rollback.follow.committed"
"""Nothing is left to do there: the same command would be a second rollback, and is refused."""


class PowerCut(BaseException):
    """No handler of the project catches it: after a power cut none would run."""


@pytest.fixture
def disk(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(world.home.root, monkeypatch)
    yield made
    made.close()


def through_cuts(
    world: World, disk: Disk, flow: Callable[[World, Callable[[str], None]], T], check: Callable[[World], None]
) -> tuple[World, T, list[str]]:
    """Run a flow and cut the power at each point it comes to, once; returns the last world and the points."""
    points: list[str] = []

    def reached(point: str) -> None:
        if point not in points:
            points.append(point)
            if point != ENDED:
                raise PowerCut(point)

    for _ in range(MOST_FAULTS):
        try:
            return world, flow(world, reached), points
        except PowerCut:
            world.database.close()
            disk.cut()
            world = again(world)
            check(world)
    raise AssertionError("the flow never ended")


def test_a_night_whose_power_goes_at_every_commit_point_is_finished(world: World, disk: Disk) -> None:
    def check(world: World) -> None:
        assert at_every_instant(world) == []
        if production(world) == BASE:
            check_untouched(world)

    world, _, points = through_cuts(world, disk, lambda world, reached: world.night(reached=reached), check)
    assert {"collect.committing", "train.done", "promote.publishing", "promote.committed", "settle.done"} <= set(points)
    assert len(points) > 40
    check_learned(world)


def test_a_rollback_whose_power_goes_at_every_commit_point_is_finished(world: World, disk: Disk) -> None:
    world.night()
    world, done, points = through_cuts(
        world,
        disk,
        lambda world, reached: roll_back(replace(world.rollback_parts(), reached=reached), BASE),
        _check_moved_or_not,
    )
    assert done.target == BASE
    assert "rollback.move.committed" in points
    assert states(world) == {DocumentState.QUARANTINED: 6}
    check_whole(world)


def _check_moved_or_not(world: World) -> None:
    assert at_every_instant(world) == []


def test_a_backup_that_was_made_is_whole_after_the_cut(world: World, disk: Disk) -> None:
    made = back_up(world.backup_parts())
    world.database.close()
    disk.cut()
    verify(made.path)


def test_what_a_cut_leaves_out_is_only_what_was_never_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model itself: without it a test of power cuts could not fail."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "old").write_text("old")
    disk = Disk(tmp_path, monkeypatch)
    (tmp_path / "kept" / "old").write_text("newer, not synced")
    (tmp_path / "kept" / "old").rename(tmp_path / "kept" / "renamed")
    (tmp_path / "unsynced").mkdir()
    disk.cut()
    disk.close()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "kept",
        "kept/old",
    ]
    assert (tmp_path / "kept" / "old").read_text() == "old"


def test_a_commit_of_the_ledger_waits_for_the_disk(world: World) -> None:
    with world.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
