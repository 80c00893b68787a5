"""The story of a maintenance: every task in order, each on record when it is done, then the end.

It is a run with a step a task: one that was cut off goes on with the tasks that were not done, within twelve hours;
later it ends as failed and a new one begins, since what it found is no longer so. A task that fails stops no other.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from web4_agent.domain.errors import Web4Error
from web4_agent.domain.maintenance import Outcome, Rhythm, TaskState, Todo, Upkeep
from web4_agent.domain.runs import Run, RunState, StepRecord
from web4_agent.flows.maintenance.parts import Maintained, MaintenanceParts, TaskRow
from web4_agent.pipeline.runner import Runner, Step
from web4_agent.records import runs, upkeep
from web4_agent.storage.database import MAINTENANCE_KEY
from web4_agent.storage.lock import exclusive

log = logging.getLogger(__name__)
GOES_ON_FOR = timedelta(hours=12)
BY_HAND = {
    Upkeep.AUDIT: "web4-agent gate audit",
    Upkeep.EVALUATION: "web4-agent evaluate",
    Upkeep.CALIBRATION: "web4-agent gate calibrate",
}
"""What does one task alone; the others are done by their rhythm's command."""


def maintain(parts: MaintenanceParts, rhythm: Rhythm, left_out: Collection[Upkeep] = ()) -> Maintained:
    """Do the tasks of a rhythm and of the shorter ones, without those left out; the long ones last.

    Raises BusyError when another maintenance runs. An error of a task is in its row, and the task stays due.
    """
    doing = f"the {rhythm} maintenance"
    locked = parts.database.exclusive(doing=doing, key=MAINTENANCE_KEY)
    with exclusive(parts.home.maintenance_lock, doing=doing), locked:
        with parts.database.read() as connection:
            before = upkeep.standing(connection, parts.now())
            done = upkeep.last_done(connection)
        run = _open_run(parts, rhythm)
        log.info("maintenance.opened run=%s", run.id)
        runner = Runner(
            parts.database,
            run.id,
            parts.now,
            announce=lambda *told: _announce(parts, *told),
            reached=parts.reached,
        )
        rows = tuple(
            _left_out(task, done.get(task), run.started_utc)
            if task in left_out
            else _do(parts, runner, task, done.get(task))
            for task in tasks_of(rhythm)
        )
        parts.reached("maintenance.ending")
        with parts.database.begin() as connection:
            runs.end(connection, run.id, RunState.DONE, parts.now())
        with parts.database.read() as connection:
            dues = upkeep.standing(connection, parts.now())
    last = next(one.last_utc for one in before if one.rhythm is rhythm)
    log.info("maintenance.ended run=%s tasks=%d", run.id, len(rows))
    return Maintained(rhythm, run.id, run.started_utc, last, rows, dues)


def tasks_of(rhythm: Rhythm) -> list[Upkeep]:
    """In the order they are done in: the long ones last, so that the others need not wait for them."""
    return sorted((one for one in Upkeep if one.rhythm in rhythm.takes_in), key=lambda one: one.heavy)


def _open_run(parts: MaintenanceParts, rhythm: Rhythm) -> Run:
    now = parts.now()
    with parts.database.begin() as connection:
        run = runs.open_run(connection, rhythm)
        if run is not None and now - run.started_utc > GOES_ON_FOR:
            runs.end(connection, run.id, RunState.FAILED, now)
            run = None
        return run or runs.start(connection, rhythm, now.date(), now)


def _do(parts: MaintenanceParts, runner: Runner, task: Upkeep, before: datetime | None) -> TaskRow:
    try:
        outcome = runner.step(Step(task, Outcome, parts.tasks[task]))
    except Web4Error as error:
        log.warning("maintenance.failed task=%s reason=%s", task, error.message)
        todo = Todo(f"could not be done: {error.message}", error.hint or _again(task))
        return TaskRow(task, task.rhythm, TaskState.FAILED, error.message, (todo,), 0.0, before)
    seconds = next(one.seconds for one in runner.records if one.name == task)
    return TaskRow(task, task.rhythm, outcome.state, outcome.found, outcome.todo, seconds, before)


def _left_out(task: Upkeep, before: datetime | None, now: datetime) -> TaskRow:
    """It is left to do, unless it was done within its own rhythm."""
    when = f"last done {before:%Y-%m-%d}" if before else "never done yet"
    fresh = before is not None and now - before < timedelta(days=task.rhythm.days)
    todo = () if fresh else (Todo(f"left out, {when}", _again(task)),)
    return TaskRow(task, task.rhythm, TaskState.LEFT_OUT, when, todo, 0.0, before)


def _again(task: Upkeep) -> str:
    return BY_HAND.get(task, f"web4-agent {task.rhythm}")


def _announce(parts: MaintenanceParts, name: str, record: StepRecord | None) -> None:
    if record is None:
        parts.watcher.started(name)
    else:
        parts.watcher.finished(name, record.seconds)
