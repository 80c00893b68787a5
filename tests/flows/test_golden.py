"""Golden moves by a person's word alone, to what serves or came before it, and remembers why."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import ARTEFACT, DAY, World
from tests.flows.pages import page, write
from web4_agent.domain.adapters import Pointer
from web4_agent.domain.errors import BusyError, IntegrityError, UsageError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.runs import RunState
from web4_agent.flows.golden import GoldenParts, golden_moves, move_golden
from web4_agent.flows.rollback import roll_back
from web4_agent.records import adapters
from web4_agent.storage.lock import exclusive

WHY = "a good month"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path).write_journal()
    made.index()
    assert made.night().state is RunState.PROMOTED
    return made


def parts(world: World) -> GoldenParts:
    return GoldenParts(world.database, world.home, ARTEFACT, world.clock)


def pointer(world: World) -> Pointer:
    with world.database.read() as connection:
        return adapters.read_pointer(connection)


def test_the_version_that_serves_becomes_golden_and_the_reason_is_kept(world: World) -> None:
    before = pointer(world)
    moved = move_golden(parts(world), before.production, f"  {WHY} ")
    after = pointer(world)
    assert (after.golden, after.production, after.changed_utc) == (
        before.production,
        before.production,
        before.changed_utc,
    )
    assert golden_moves(world.database) == (moved,)
    assert (moved.source, moved.target, moved.why) == (BASE, before.production, WHY)


def test_the_next_night_is_judged_against_it(world: World) -> None:
    golden = pointer(world).production
    move_golden(parts(world), golden, WHY)
    for at in range(5):
        text = page(f"later matter {at}", f"Number {at} of a new day: " + " ".join(f"w{at}{n}" for n in range(30)))
        write(world.journal, f"09{at:02}-later", text, "2026-03-03")
    world.index()
    report = world.night(DAY + timedelta(days=1))
    assert report.state is RunState.PROMOTED
    assert report.verdicts[0].golden == golden
    assert pointer(world).golden == golden
    move_golden(parts(world), BASE, "back again")
    assert [one.target for one in golden_moves(world.database)] == [golden, BASE]


def test_what_can_not_be_golden_is_refused_and_nothing_moves(world: World) -> None:
    serves = pointer(world).production
    with pytest.raises(UsageError, match="has no reason"):
        move_golden(parts(world), serves, " ")
    with pytest.raises(UsageError, match="no adapter is called a-0"):
        move_golden(parts(world), AdapterVersion("a-0"), WHY)
    with pytest.raises(UsageError, match="golden already"):
        move_golden(parts(world), BASE, WHY)
    roll_back(world.rollback_parts(), BASE)
    with pytest.raises(UsageError, match="no ancestor of base"):
        move_golden(parts(world), serves, WHY)
    assert pointer(world).golden == BASE
    assert golden_moves(world.database) == ()


def test_a_version_whose_bytes_are_not_those_that_were_judged_is_refused(world: World) -> None:
    serves = pointer(world).production
    (world.home.adapter(serves) / ARTEFACT).write_bytes(b"other bytes")
    with pytest.raises(IntegrityError):
        move_golden(parts(world), serves, WHY)
    assert pointer(world).golden == BASE


def test_it_waits_for_no_night_and_breaks_none(world: World) -> None:
    with exclusive(world.home.night_lock, doing="a night"), pytest.raises(BusyError):
        move_golden(parts(world), pointer(world).production, WHY)


def test_a_move_that_dies_before_it_is_committed_was_none(world: World) -> None:
    class Killed(Exception):
        """Stands for a process that dies."""

    def dies(point: str) -> None:
        if point == "golden.move.committing":
            raise Killed

    with pytest.raises(Killed):
        move_golden(replace(parts(world), reached=dies), pointer(world).production, WHY)
    assert (pointer(world).golden, golden_moves(world.database)) == (BASE, ())
    move_golden(parts(world), pointer(world).production, WHY)
    assert len(golden_moves(world.database)) == 1
