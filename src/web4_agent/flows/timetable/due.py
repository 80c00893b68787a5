"""One look at the timetable: what was cut off is noted, what was missed reported once, and what is due is run.

Any number of processes may call it at any time: one works, and the ledger says what was done already. Each job is a
child process; what the ledger holds before and after it are the commit points `timetable.started`, `.ended`, `.missed`.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from web4_agent.domain.jobs import JobName, JobRun, JobState
from web4_agent.flows.timetable import settling
from web4_agent.flows.timetable.nights import ended_night, open_night
from web4_agent.flows.timetable.parts import TimetableParts
from web4_agent.records import adapters, jobs, switches
from web4_agent.steps.timetable import Occurrence, Plan, plan
from web4_agent.storage.lock import exclusive

log = logging.getLogger(__name__)
LOOKED = "timetable.looked"
"""The switch that says when anybody looked at the timetable last."""
_TAKEN = frozenset({JobState.RUNNING, JobState.DONE, JobState.ANSWERED_NO, JobState.GIVEN_UP})
"""Another machine has seen to it since the plan was made. Missed may be a wrong clock's word, and is decided there."""
SINCE = "timetable.since."
"""Before a job's name: since when it has been on the timetable; empty while it is off."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one look did: the rows of the jobs that ran, the days that were missed, and when to look again."""

    ran: tuple[JobRun, ...]
    missed: tuple[Occurrence, ...]
    given_up: tuple[JobRun, ...]
    next_utc: datetime


def run_due(parts: TimetableParts) -> Pass:
    """Run what is due, one job after the other, and say when to look again. A job that fails raises nothing.

    Raises BusyError when another process is at it, DatabaseError.
    """
    with exclusive(parts.home.schedule_lock, doing="the timetable"):
        _note_the_cut_off(parts)
        made = _plan(parts)
        missed = settling.record_missed(parts, made.missed)
        given_up = settling.give_up(parts, made.over)
        ran = _run_all(parts, _in_order(parts, made))
        after = _plan(parts)
        given_up += settling.give_up(parts, after.over)
        return Pass(tuple(ran), missed, given_up, after.next_utc)


def begin_timetable(connection: Connection, names: frozenset[JobName], now: datetime) -> dict[JobName, datetime]:
    """Since when each job is on the timetable; jobs that are on for the first time begin now."""
    since: dict[JobName, datetime] = {}
    for name in JobName:
        kept = switches.get(connection, SINCE + name)
        if name not in names:
            if kept:
                switches.put(connection, SINCE + name, "")
        elif kept:
            since[name] = datetime.fromisoformat(kept)
        else:
            switches.put(connection, SINCE + name, now.isoformat())
            since[name] = now
    return since


def forget_timetable(connection: Connection) -> None:
    """No job is on the timetable: what is not run from now on was not missed."""
    for name in JobName:
        switches.put(connection, SINCE + name, "")


def look(parts: TimetableParts, connection: Connection, now: datetime, since: dict[JobName, datetime]) -> Plan:
    """What there is to do, from the ledger. Changes nothing."""
    zone = parts.zone()
    first = now.astimezone(zone).date() - timedelta(days=parts.retry.look_back_days)
    return plan(parts.jobs, jobs.since(connection, first), since, zone, now, parts.retry)


def _plan(parts: TimetableParts) -> Plan:
    now = parts.now()
    with parts.database.begin() as connection:
        since = begin_timetable(connection, frozenset(job.name for job in parts.jobs), now)
        switches.put(connection, LOOKED, now.isoformat())
        return look(parts, connection, now, since)


def _note_the_cut_off(parts: TimetableParts) -> None:
    """Whoever ran a job here is gone: this process holds the lock. A row of another machine is left alone."""
    now = parts.now()
    first = now.date() - timedelta(days=parts.retry.look_back_days)
    with parts.database.begin() as connection:
        for row in jobs.since(connection, first):
            if row.state is JobState.RUNNING and (parts.database.is_sqlite or row.host == parts.host):
                cut = replace(row, state=JobState.CUT_OFF, ended_utc=now, detail="whoever ran it was killed")
                jobs.put(connection, cut, row)
                log.info("timetable.cut_off job=%s day=%s", row.job, row.day)


def _in_order(parts: TimetableParts, made: Plan) -> list[tuple[Occurrence, bool]]:
    """What is due, in order; with an open night, the evening first: an old one is gone on with before anything else,
    then comes the index, and then the evening's own night. The second value says that it is only gone on with."""
    order = [(one, False) for one in made.due]
    evening = next((one for one in made.due if one.job is JobName.EVENING), None)
    if evening is None:
        return order
    with parts.database.read() as connection:
        night = open_night(connection)
    if night is None:
        return order
    if night.started_utc < evening.due_utc:
        return [(evening, True), *order]
    return [(evening, False), *(one for one in order if one[0] is not evening)]


def _run_all(parts: TimetableParts, order: list[tuple[Occurrence, bool]]) -> list[JobRun]:
    ran: list[JobRun] = []
    blocked: set[JobName] = set()
    for occurrence, going_on in order:
        if parts.stop.is_set() or occurrence.job in blocked:
            continue
        row = _run(parts, occurrence, going_on=going_on)
        if row is None:
            continue
        ran.append(row)
        if going_on and row.exit_code not in settling.ANSWERS:
            blocked.add(occurrence.job)  # the old night is still open: the evening's own can't begin
    return ran


def _run(parts: TimetableParts, occurrence: Occurrence, *, going_on: bool) -> JobRun | None:
    """Run one job to its end; returns its row, or None when there was nothing to run."""
    row = _begin(parts, occurrence, going_on=going_on)
    if row is None or row.state is not JobState.RUNNING:
        return row
    what = "the night that was open" if going_on else f"{row.job} of {row.day}"
    parts.say(f"{what}: started{'' if row.attempts == 1 else f', try {row.attempts}'}")
    path = settling.job_log(parts.home, row)
    size = path.stat().st_size if path.is_file() else 0
    code = parts.launch(_arguments(parts, row), path, parts.stop)
    parts.reached("timetable.ended.done")
    ended = settling.settle(parts, row, code, settling.last_words(path, size), going_on=going_on)
    parts.say(f"{what}: {ended.state}{f' ({ended.detail})' if ended.detail else ''}")
    return ended


def _begin(parts: TimetableParts, occurrence: Occurrence, *, going_on: bool) -> JobRun | None:
    """The row that says it runs; or one that says it is done already, or None when another machine was quicker or it
    has just failed."""
    now = parts.now()
    with parts.database.begin() as connection:
        before = jobs.get(connection, occurrence.job, occurrence.day)
        if before is not None and before.state in _TAKEN:
            return None
        tried = before.attempts if before is not None else 0
        started = before.started_utc if before is not None and before.started_utc is not None else now
        row = JobRun(
            occurrence.job, occurrence.day, occurrence.due_utc, JobState.RUNNING, tried + 1, started, host=parts.host
        )
        if not going_on and (done := _done_already(connection, occurrence)):
            row = replace(row, state=JobState.DONE, attempts=tried, ended_utc=now, detail=done)
        if not jobs.put(connection, row, before):
            return None
        parts.reached("timetable.started.committing")
    parts.reached("timetable.started.committed")
    log.info("timetable.started job=%s day=%s try=%d", row.job, row.day, row.attempts)
    return row


def _done_already(connection: Connection, occurrence: Occurrence) -> str:
    """Why there is nothing to run; empty where there is."""
    if occurrence.job is JobName.MORNING and adapters.read_pointer(connection).previous is None:
        return "one model has served so far: there is nothing to compare"
    if occurrence.job is JobName.EVENING and (night := ended_night(connection, occurrence.due_utc)) is not None:
        return f"{night.id}: {night.state}"
    return ""


def _arguments(parts: TimetableParts, row: JobRun) -> list[str]:
    home = ["--home", str(parts.home.root)]
    if row.job is not JobName.INDEX:
        return [str(row.job), *home]
    with parts.database.read() as connection:
        last = jobs.last_done(connection, JobName.INDEX)
    first = min(last or row.day, row.day) - timedelta(days=parts.index_days)
    return [str(row.job), "--since", first.isoformat(), *home]
