"""The clock jumps: back an hour and forward a year, between nights and in the middle of one."""

from datetime import timedelta

import pytest

from tests.faults.table import told
from tests.faults.worlds import check_learned, check_untouched, check_whole
from tests.flows.fakes import DAY, World
from tests.flows.pages import page, write
from web4_agent.domain.errors import ClockError
from web4_agent.domain.runs import RunState
from web4_agent.flows.night import NightRequest, evening
from web4_agent.records import runs

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


def test_a_clock_set_back_an_hour_stops_the_next_night_until_it_is_right(world: World) -> None:
    serving = world.night().serving
    world.clock.at -= HOUR
    with pytest.raises(ClockError) as caught:
        world.night()
    told("clock set back", caught.value)
    check_untouched(world, serving)
    world.clock.at += HOUR
    assert world.night(DAY + timedelta(days=1)).state is RunState.NOTHING_NEW
    check_learned(world)


def test_a_clock_set_back_while_a_night_runs_changes_nothing(world: World) -> None:
    def set_back(point: str) -> None:
        if point == "train.done":
            world.clock.at -= HOUR

    report = world.night(reached=set_back)
    with world.database.read() as connection:
        assert [time.name for time in report.times] == list(runs.committed(connection, report.run))[:-1]
    check_learned(world)


def test_a_clock_that_ran_a_year_ahead_for_one_night_can_be_believed_again(world: World) -> None:
    world.clock.at += YEAR
    serving = world.night().serving
    world.clock.at -= YEAR
    with pytest.raises(ClockError) as caught:
        world.night()
    told("clock set back", caught.value)
    assert "--trust-clock" in caught.value.hint
    check_untouched(world, serving)
    for at in range(5):
        words = f"Number {at} of a new day. " * 3
        write(world.journal, f"09{at:02}-later", page(f"later matter {at}", words), "2026-03-03")
    world.index()
    tomorrow = DAY + timedelta(days=1)
    report = evening(world.parts(), NightRequest(tomorrow, trust_clock=True))
    assert report.state is RunState.PROMOTED
    check_whole(world)
    assert world.night(DAY + timedelta(days=2)).state is RunState.NOTHING_NEW, "and from then on without being told"
    with world.database.read() as connection:
        assert [run.id for run in runs.recent(connection, "night", 9)][1] == report.run
        assert list(runs.committed(connection, report.run))[:2] == ["collect", "backup"]


def test_a_clock_that_jumps_a_year_ahead_in_the_night_stops_nothing(world: World) -> None:
    def jump(point: str) -> None:
        if point == "train.done":
            world.clock.at += YEAR

    assert world.night(reached=jump).state is RunState.PROMOTED
    check_learned(world)
