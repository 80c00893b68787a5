"""The night that is open: which step it is in, how far, and how long it may still take.

The steps that are done stand in the ledger; how far the one at work is, in a file that the night writes.
The time left is that step's own estimate, and for the steps after it what they took in the last night that went to its
end: a guess that says on what it rests.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from web4_agent.domain.ids import RunId
from web4_agent.domain.runs import Run, StepRecord
from web4_agent.flows.dashboard.curve import FLOW
from web4_agent.flows.dashboard.parts import DashboardParts
from web4_agent.flows.dashboard.told import StepTold
from web4_agent.pipeline.progress_file import Progress, Told, read_progress
from web4_agent.records import night_lists, runs
from web4_agent.storage.lock import Holder, holder

SETTLED = "settle"
"""The step that only a night commits that trained, measured and judged."""


@dataclass(frozen=True, slots=True)
class RunningNight:
    """`holder` is None when no process of this machine is at it: it was cut off, or another machine runs it.

    `total` is 0 while the step at work does not say how far it is. `left_s` is None where nothing can be said;
    `like` is the night that the guess of the later steps rests on.
    """

    run: RunId
    day: date
    started_utc: datetime
    holder: Holder | None
    done: tuple[StepTold, ...]
    step: str
    count: int
    total: int
    note: str
    left_s: float | None
    like: RunId | None


def running_night(parts: DashboardParts) -> RunningNight | None:
    """The open night, or None. Raises DatabaseError."""
    with parts.database.read() as connection:
        run = runs.open_run(connection, FLOW)
        if run is None:
            return None
        done = tuple(runs.committed(connection, run.id).values())
        like = _like(connection)
    told = read_progress(parts.home.night_progress, run.id)
    if told is not None and told.progress.step in {one.name for one in done}:
        told = None  # left by a process that ended there
    before = {one.name: one.seconds for one in like[1]} if like else {}
    since = max([run.started_utc, *(one.committed_utc for one in done)])
    in_step_s = max(0.0, (parts.now() - since).total_seconds())
    step = told.progress.step if told else _next(before, done)
    progress = told.progress if told else Progress(run.id, step)
    return RunningNight(
        run.id,
        run.day,
        run.started_utc,
        holder(parts.home.night_lock),
        tuple(StepTold(one.name, one.seconds, one.peak_rss_bytes) for one in done),
        step,
        progress.done,
        progress.total,
        progress.note,
        _left_s(told, step, in_step_s, before, {one.name for one in done}),
        like[0].id if like else None,
    )


def _like(connection: Connection) -> tuple[Run, tuple[StepRecord, ...]] | None:
    """The last night that went to its end, and its steps."""
    found = [run for run, _ in night_lists.latest_with(connection, FLOW, SETTLED, 2) if run.ended_utc is not None]
    return (found[0], tuple(runs.committed(connection, found[0].id).values())) if found else None


def _next(before: dict[str, float], done: tuple[StepRecord, ...]) -> str:
    """What comes after the steps that are done, going by the last night."""
    names = {one.name for one in done}
    return next((name for name in before if name not in names), "")


def _left_s(told: Told | None, step: str, in_step_s: float, before: dict[str, float], done: set[str]) -> float | None:
    own: float | None = None
    if told is not None and told.progress.left_s is not None:
        own = max(0.0, told.progress.left_s - told.age_s)
    elif step in before:
        own = max(0.0, before[step] - in_step_s)
    names = list(before)
    later = names[names.index(step) + 1 :] if step in before else [name for name in names if name not in done]
    rest = sum(before[name] for name in later if name not in done)
    return own + rest if own is not None else rest or None
