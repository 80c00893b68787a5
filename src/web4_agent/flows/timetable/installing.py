"""Puts the timetable into the machine's own scheduler, and takes it out again."""

from collections.abc import Sequence

from web4_agent.backends.timers.base import Installed, TimerEntry, Timers
from web4_agent.domain.errors import ScheduleError
from web4_agent.flows.timetable.due import begin_timetable, forget_timetable
from web4_agent.flows.timetable.parts import TimetableParts


def choose(schedulers: Sequence[Timers]) -> Timers:
    """The first that this machine has. Raises ScheduleError naming what each lacks."""
    lacking = []
    for scheduler in schedulers:
        trouble = scheduler.trouble()
        if not trouble:
            return scheduler
        lacking.append(f"{scheduler.kind}: {trouble}")
    raise ScheduleError(
        f"this machine has nothing that could call the timetable ({'; '.join(lacking)})",
        "web4-agent up",
    )


def install(
    parts: TimetableParts, schedulers: Sequence[Timers], entry: TimerEntry, every: Sequence[Timers] = ()
) -> Installed:
    """Install into the first of `schedulers` that is there, and take it out of the others of `every`. Repeatable.

    Raises ScheduleError when none is there or it refuses.
    """
    chosen = choose(schedulers)
    with parts.database.begin() as connection:
        begin_timetable(connection, frozenset(job.name for job in parts.jobs), parts.now())
    installed = chosen.install(entry)
    for other in every:
        if other.kind != chosen.kind and not other.trouble():
            other.remove(entry.name)
    return installed


def remove(parts: TimetableParts, schedulers: Sequence[Timers], name: str) -> tuple[str, ...]:
    """Take it out of every scheduler; returns those it was in. What is not run from now on was not missed."""
    removed = tuple(one.kind for one in schedulers if not one.trouble() and one.remove(name))
    with parts.database.begin() as connection:
        forget_timetable(connection)
    return removed
