"""How a job ended, written down: from its exit code, or from the fact that its window has passed."""

import logging
import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from web4_agent.domain import tidings
from web4_agent.domain.alerts import Alert
from web4_agent.domain.errors import BusyError, TrainingError
from web4_agent.domain.home import Home
from web4_agent.domain.jobs import JobName, JobRun, JobState
from web4_agent.domain.runs import Run
from web4_agent.flows.timetable.nights import ended_night, latest_night, night_is_running, open_night
from web4_agent.flows.timetable.parts import TimetableParts
from web4_agent.records import jobs
from web4_agent.steps.timetable import Occurrence
from web4_agent.steps.timetable.child import was_stopped

log = logging.getLogger(__name__)
KEEP_LOGS = 90
"""A month of three jobs a day."""
_TAIL_BYTES = 4_000
_LONGEST_DETAIL = 300
_ANSWER_NO = 1
ANSWERS = frozenset({0, _ANSWER_NO})
"""The exit codes of a command that did what it is for."""


def job_log(home: Home, row: JobRun) -> Path:
    return home.logs / "jobs" / f"{row.day}-{row.job}.log"


def last_words(path: Path, start: int) -> str:
    """The last error that a command printed since `start` bytes, else its last line; empty where it said nothing."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(start, path.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or [""])[-1][:_LONGEST_DETAIL]


def settle(parts: TimetableParts, row: JobRun, code: int, said: str, *, going_on: bool) -> JobRun:
    """Commit how the job ended. After an old night was gone on with, the evening's own still waits."""
    now = parts.now()
    with parts.database.begin() as connection:
        state, attempts = _state(parts, code), row.attempts
        if going_on and state in {JobState.DONE, JobState.ANSWERED_NO}:
            state = JobState.WAITING
        if state in {JobState.WAITING, JobState.STOPPED}:
            attempts -= 1
        detail = _how_it_died(code) if code < 0 and state is JobState.FAILED else said
        if row.job is JobName.EVENING and code in ANSWERS:
            night = latest_night(connection)
            detail = detail if night is None else f"{night.id}: {night.state}"
        elif state is JobState.DONE:
            detail = ""
        ended = replace(row, state=state, attempts=attempts, ended_utc=now, exit_code=code, detail=detail)
        jobs.put(connection, ended, row)
        parts.reached("timetable.ended.committing")
    parts.reached("timetable.ended.committed")
    log.info("timetable.ended job=%s day=%s state=%s code=%d", row.job, row.day, state, code)
    _tidy(parts.home)
    return ended


def record_missed(parts: TimetableParts, missed: Sequence[Occurrence]) -> tuple[Occurrence, ...]:
    """Write down each missed day once and tell of them, one sentence a job; returns those that were not known."""
    if not missed:
        return ()
    now = parts.now()
    fresh: list[Occurrence] = []
    sentences: list[str] = []
    with parts.database.begin() as connection:
        for name, days in groupby(sorted(missed, key=lambda one: (one.job, one.day)), key=lambda one: one.job):
            new = [
                one
                for one in days
                if jobs.put(
                    connection,
                    JobRun(name, one.day, one.due_utc, JobState.MISSED, ended_utc=now, host=parts.host),
                    None,
                )
            ]
            if new:
                sentence, alert = _missed(name, new, now)
                parts.alert(connection, alert)
                sentences.append(sentence)
                log.warning("timetable.missed job=%s days=%d last=%s", name, len(new), new[-1].day)
            fresh += new
        parts.reached("timetable.missed.committing")
    parts.reached("timetable.missed.committed")
    for sentence in sentences:
        parts.say(sentence)
    return tuple(fresh)


def give_up(parts: TimetableParts, rows: Iterable[JobRun]) -> tuple[JobRun, ...]:
    """End the rows that nobody tries again, and tell of each once; returns them.

    A night that still runs, or has ended, without whoever began it is not given up.
    """
    wanted = list(rows)
    if any(row.job is JobName.EVENING for row in wanted) and night_is_running(parts.home):
        wanted = [row for row in wanted if row.job is not JobName.EVENING]
    ended = [_end(parts, row) for row in wanted]
    return tuple(row for row in ended if row is not None and row.state is not JobState.DONE)


def _end(parts: TimetableParts, row: JobRun) -> JobRun | None:
    now = parts.now()
    never_ran = row.attempts == 0 and row.state is JobState.WAITING
    final = replace(row, state=JobState.MISSED if never_ran else JobState.GIVEN_UP, ended_utc=now)
    sentence = ""
    with parts.database.begin() as connection:
        night = ended_night(connection, row.due_utc) if row.job is JobName.EVENING else None
        if night is not None:
            final = replace(final, state=JobState.DONE, detail=f"{night.id}: {night.state}")
        if not jobs.put(connection, final, row):
            return None
        if night is None:
            sentence, alert = _given_up(row, open_night(connection), now, never_ran=never_ran)
            parts.alert(connection, alert)
        parts.reached("timetable.given_up.committing")
    parts.reached("timetable.given_up.committed")
    if sentence:
        parts.say(sentence)
        log.warning("timetable.given_up job=%s day=%s after=%s", row.job, row.day, row.state)
    return final


def _state(parts: TimetableParts, code: int) -> JobState:
    if code == 0:
        return JobState.DONE
    if code == _ANSWER_NO:
        return JobState.ANSWERED_NO
    if code == BusyError.exit_code:
        return JobState.WAITING
    if was_stopped(code) or (code < 0 and parts.stop.is_set()):
        return JobState.STOPPED
    return JobState.FAILED


def _how_it_died(code: int) -> str:
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"killed by {name}" + (", most likely for want of memory" if -code == signal.SIGKILL else "")


def _missed(name: JobName, days: Sequence[Occurrence], now: datetime) -> tuple[str, Alert]:
    """The sentence for whoever looks on, and the alert."""
    first, last = days[0], days[-1]
    what = f"{name} of {first.day}"
    if len(days) > 1:
        what = f"{name} of {len(days)} days ({first.day} to {last.day})"
    then = (
        "The next night trains whatever is in the buffer" if name is JobName.EVENING else "The next one makes up for it"
    )
    note = f"The machine was off or asleep until its window had passed. {then}"
    return f"missed: {what}. {note}.", tidings.missed_run(what, last.due_utc, note, now)


def _given_up(row: JobRun, night: Run | None, now: datetime, *, never_ran: bool) -> tuple[str, Alert]:
    why = (row.detail or str(row.state)).rstrip(".")
    what = f"{row.job} of {row.day}"
    if never_ran:
        note = f"Something else was at it until its window had passed ({why})"
        return f"missed: {what}. {note}.", tidings.missed_run(what, row.due_utc, note, now)
    tries = f"{row.attempts} {'try' if row.attempts == 1 else 'tries'}"
    sentence = f"given up after {tries}: {what}: {why}."
    if row.job is not JobName.EVENING:
        return sentence, tidings.missed_run(what, row.due_utc, f"Given up after {tries}: {why}", now)
    error = TrainingError(f"given up for this night after {tries}: {why}", f"read {row.day}-{row.job}.log in logs/jobs")
    return sentence, tidings.night_failed(night.id if night is not None else what, error, now)


def _tidy(home: Home) -> None:
    """Keep the newest logs. Their names begin with the day."""
    folder = home.logs / "jobs"
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("*.log"), key=os.fspath)[:-KEEP_LOGS]:
        path.unlink(missing_ok=True)
