"""Maintenance: every task in order and on record, what is left for a person, and what the tasks' findings mean."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.interactions import NOON
from web4_agent.domain.errors import BusyError, EngineError
from web4_agent.domain.evaluations import Evaluation
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.maintenance import Due, Outcome, Rhythm, TaskState, Todo, Upkeep, dues
from web4_agent.domain.runs import RunState
from web4_agent.flows.maintenance import MaintenanceParts, maintain
from web4_agent.flows.maintenance.story import tasks_of
from web4_agent.records import evaluations, runs, upkeep
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive

WELL, NEEDS, FAILED, LEFT = TaskState.WELL, TaskState.ATTENTION, TaskState.FAILED, TaskState.LEFT_OUT
DAY = timedelta(days=1)


class Cut(Exception):
    """The process dies."""


@dataclass
class Bench:
    """Maintenance over tasks that note that they were called."""

    database: Database
    home: Home
    at: datetime = NOON

    def __post_init__(self) -> None:
        self.called: list[str] = []
        self.trouble: dict[Upkeep, Exception] = {}
        self.left: dict[Upkeep, Outcome] = {}

    def parts(self, reached: Callable[[str], None] = lambda point: None) -> MaintenanceParts:
        tasks = {task: self._task(task) for task in Upkeep}
        return MaintenanceParts(self.database, self.home, tasks, self._now, reached=reached)

    def _now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def _task(self, task: Upkeep) -> Callable[[], Outcome]:
        def do() -> Outcome:
            self.called.append(task)
            if (trouble := self.trouble.get(task)) is not None:
                raise trouble
            return self.left.get(task, Outcome(f"{task} is well"))

        return do

    def dues(self) -> dict[Rhythm, Due]:
        with self.database.read() as connection:
            return {one.rhythm: one for one in upkeep.standing(connection, self.at)}


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Bench:
    return Bench(database, Home(tmp_path))


def test_each_rhythm_takes_in_the_shorter_ones_and_ends_with_what_takes_long() -> None:
    weekly, monthly, quarterly = (tasks_of(rhythm) for rhythm in Rhythm)
    assert set(weekly) < set(monthly) < set(quarterly) == set(Upkeep)
    assert weekly[0] is Upkeep.DOCTOR
    assert quarterly[-3:] == [Upkeep.AUDIT, Upkeep.EVALUATION, Upkeep.CALIBRATION]
    assert all(task.rhythm in {Rhythm.WEEKLY, Rhythm.MONTHLY} for task in monthly)


def test_every_task_is_done_in_order_and_put_on_record(bench: Bench) -> None:
    found = maintain(bench.parts(), Rhythm.WEEKLY)
    assert bench.called == tasks_of(Rhythm.WEEKLY)
    assert {one.state for one in found.tasks} == {WELL}
    assert (found.todo, found.before_utc) == ((), None)
    with bench.database.read() as connection:
        assert set(upkeep.last_done(connection)) == set(tasks_of(Rhythm.WEEKLY))
        run = runs.get(connection, found.run)
    assert run is not None
    assert run.state is RunState.DONE
    again = maintain(bench.parts(), Rhythm.WEEKLY)
    assert again.before_utc == run.ended_utc
    assert all(one.before_utc is not None for one in again.tasks)


def test_a_task_that_fails_stops_no_other_and_stays_due(bench: Bench) -> None:
    bench.trouble[Upkeep.DOCTOR] = BusyError("a night runs", "wait for it to end")
    bench.trouble[Upkeep.AUDIT] = EngineError("the engine did not start")
    found = maintain(bench.parts(), Rhythm.WEEKLY)
    assert len(bench.called) == len(found.tasks)
    assert [one.task for one in found.failed] == [Upkeep.DOCTOR, Upkeep.AUDIT]
    assert found.todo == (
        (Upkeep.DOCTOR, Todo("could not be done: a night runs", "wait for it to end")),
        (Upkeep.AUDIT, Todo("could not be done: the engine did not start", "web4-agent gate audit")),
    )
    with bench.database.read() as connection:
        assert not {Upkeep.DOCTOR, Upkeep.AUDIT} & set(upkeep.last_done(connection))


def test_what_is_amiss_comes_before_what_is_only_a_persons(bench: Bench) -> None:
    bench.left[Upkeep.NIGHTS] = Outcome("as ever", (Todo("look", "web4-agent nights"),))
    bench.left[Upkeep.DISK] = Outcome("little room", (Todo("free some", "web4-agent backup --prune"),), amiss=True)
    found = maintain(bench.parts(), Rhythm.WEEKLY)
    assert [task for task, _ in found.todo] == [Upkeep.DISK, Upkeep.NIGHTS]
    states = {one.task: one.state for one in found.tasks}
    assert (states[Upkeep.NIGHTS], states[Upkeep.DISK]) == (WELL, NEEDS)


def test_what_was_left_out_is_left_to_do_until_it_was_done_by_itself(bench: Bench) -> None:
    left = (Upkeep.EVALUATION, Upkeep.CALIBRATION)
    found = maintain(bench.parts(), Rhythm.QUARTERLY, left)
    assert not set(left) & set(bench.called)
    assert [one.task for one in found.tasks if one.state is LEFT] == list(left)
    commands = {"web4-agent evaluate", "web4-agent gate calibrate"}
    assert {todo.command for task, todo in found.todo if task in left} == commands
    evaluation = Evaluation("e-1", AdapterVersion("base"), "scripted", bench.at, 1.0, (), None, complete=True)
    with bench.database.begin() as connection:
        evaluations.add(connection, evaluation)
    again = maintain(bench.parts(), Rhythm.QUARTERLY, left)
    assert [task for task, _ in again.todo] == [Upkeep.CALIBRATION]


@pytest.mark.parametrize(("point", "again"), [("started", 0), ("done", 1), ("committing", 1), ("committed", 0)])
def test_a_maintenance_that_was_cut_off_goes_on_with_what_is_not_on_record(
    bench: Bench, point: str, again: int
) -> None:
    def cut(reached: str) -> None:
        if reached == f"{Upkeep.QUARANTINE}.{point}":
            raise Cut

    with pytest.raises(Cut):
        maintain(bench.parts(cut), Rhythm.WEEKLY)
    found = maintain(bench.parts(), Rhythm.WEEKLY)
    assert [bench.called.count(task) for task in tasks_of(Rhythm.WEEKLY)] == [
        1 + (again if task is Upkeep.QUARANTINE else 0) for task in tasks_of(Rhythm.WEEKLY)
    ]
    assert {one.state for one in found.tasks} == {WELL}


def test_one_that_was_cut_off_long_ago_begins_anew(bench: Bench) -> None:
    def cut(point: str) -> None:
        if point == "maintenance.ending":
            raise Cut

    with pytest.raises(Cut):
        maintain(bench.parts(cut), Rhythm.WEEKLY)
    bench.at += DAY
    found = maintain(bench.parts(), Rhythm.WEEKLY)
    assert len(bench.called) == 2 * len(tasks_of(Rhythm.WEEKLY))
    with bench.database.read() as connection:
        assert [run.state for run in runs.recent(connection, Rhythm.WEEKLY, 5)] == [RunState.DONE, RunState.FAILED]
    assert found.before_utc is None


def test_two_never_run_at_once(bench: Bench) -> None:
    with exclusive(bench.home.maintenance_lock, doing="a test"), pytest.raises(BusyError, match="maintenance"):
        maintain(bench.parts(), Rhythm.MONTHLY)
    assert bench.called == []


def test_a_rhythm_is_overdue_two_days_after_it_was_due_and_a_longer_one_counts_for_it(bench: Bench) -> None:
    maintain(bench.parts(), Rhythm.MONTHLY)
    done = bench.at
    found = bench.dues()
    assert found[Rhythm.WEEKLY].last_utc == found[Rhythm.MONTHLY].last_utc
    assert found[Rhythm.QUARTERLY].last_utc is None
    for days, overdue in ((8, []), (10, [Rhythm.WEEKLY]), (34, [Rhythm.WEEKLY, Rhythm.MONTHLY])):
        assert [one.rhythm for one in found.values() if one.overdue(done + days * DAY)] == overdue


def test_a_task_that_is_always_left_out_is_named_though_its_rhythm_is_kept() -> None:
    founded, now = NOON, NOON + 20 * DAY
    done: dict[str, datetime] = {task: now - DAY for task in Upkeep if task is not Upkeep.AUDIT}
    weekly = dues({Rhythm.WEEKLY: now - DAY}, done, founded, now)[0]
    assert not weekly.overdue(now)
    assert weekly.behind == (Upkeep.AUDIT,)
