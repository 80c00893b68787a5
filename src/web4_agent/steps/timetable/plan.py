"""What is to be done now: which jobs run, which were missed, which are given up, and when to look again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from web4_agent.domain.jobs import JobName, JobRun, JobState
from web4_agent.steps.timetable.occurrences import Job, Occurrence, next_occurrence, occurrences

CLOCK_TOLERANCE = timedelta(minutes=1)
"""As much as a clock may be corrected backwards before it counts as set back."""
ABANDONED_AFTER = timedelta(days=1)
"""A run that another machine says it began, and never ended, is taken for dead so long after its window."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A failed job is tried again `retries` times, after these pauses; the last one repeats.

    The pauses: a full disk or a busy engine is often over in five minutes; what is not over in an hour is no accident.
    """

    retries: int = 3
    pauses_s: tuple[float, ...] = (300.0, 900.0, 2700.0)
    busy_pause_s: float = 300.0
    look_back_days: int = 31
    """Days without a run further back are not recorded one by one: a machine that was off for a year is no news."""

    def pause(self, attempts: int) -> timedelta:
        """After so many tries."""
        return timedelta(seconds=self.pauses_s[min(max(attempts, 1), len(self.pauses_s)) - 1])


@dataclass(slots=True)
class Plan:
    """`due` in the order to run; `missed` never began and their window is over; `over` are rows that nobody tries
    again; `next_utc` is when there is something to decide again."""

    next_utc: datetime
    due: list[Occurrence] = field(default_factory=list)
    missed: list[Occurrence] = field(default_factory=list)
    over: list[JobRun] = field(default_factory=list)

    def look_at(self, at: datetime) -> None:
        self.next_utc = min(self.next_utc, at)


def plan(  # noqa: PLR0917 - all that is decided from, each by its own name
    jobs: Sequence[Job],
    rows: Iterable[JobRun],
    since: Mapping[JobName, datetime],
    zone: tzinfo,
    now: datetime,
    policy: RetryPolicy,
) -> Plan:
    """`rows`: what the ledger knows of the last `look_back_days`; `since`: from when on each job was on the timetable,
    so that nothing before counts as missed.

    At most one occurrence of a job is due, the latest: however many were missed, they are caught up by one run.
    """
    known = {(row.job, row.day): row for row in rows}
    made = Plan(min((next_occurrence(job, zone, now).due_utc for job in jobs), default=now + timedelta(days=1)))
    for job in jobs:
        past = _past(job, zone, now, policy)
        for at, occurrence in enumerate(past):
            row = known.pop((job.name, occurrence.day), None)
            row = None if row is not None and _noted_by_a_wrong_clock(row, now) else row
            latest = at == len(past) - 1
            if row is None:
                _without_row(made, occurrence, since.get(job.name, now), now, latest=latest)
            elif not row.state.final:
                _unfinished(made, occurrence, row, now, policy, latest=latest)
    today = now.astimezone(zone).date()
    made.over += [row for row in known.values() if _left_behind(row, today)]
    made.due.sort(key=lambda one: one.due_utc)
    return made


def _past(job: Job, zone: tzinfo, now: datetime, policy: RetryPolicy) -> list[Occurrence]:
    today = now.astimezone(zone).date()
    days = occurrences(job, zone, today - timedelta(days=policy.look_back_days), today)
    return [one for one in days if one.due_utc <= now]


def _noted_by_a_wrong_clock(row: JobRun, now: datetime) -> bool:
    """Recorded as missed at a time that has not come: the clock ran ahead, and nothing was missed."""
    return row.state is JobState.MISSED and row.ended_utc is not None and row.ended_utc - now > CLOCK_TOLERANCE


def _without_row(made: Plan, occurrence: Occurrence, since: datetime, now: datetime, *, latest: bool) -> None:
    if latest and now < occurrence.deadline_utc:
        made.due.append(occurrence)
    elif occurrence.due_utc >= since:
        made.missed.append(occurrence)


def _unfinished(
    made: Plan, occurrence: Occurrence, row: JobRun, now: datetime, policy: RetryPolicy, *, latest: bool
) -> None:
    if row.state is JobState.RUNNING:  # on another machine that shares the ledger
        if now > occurrence.deadline_utc + ABANDONED_AFTER:
            made.over.append(row)
        return
    if not latest or now >= occurrence.deadline_utc or row.attempts > policy.retries:
        made.over.append(row)
        return
    again = _again_at(row, policy)
    set_back = row.ended_utc is not None and row.ended_utc - now > CLOCK_TOLERANCE
    if again <= now or set_back:
        made.due.append(occurrence)
    else:
        made.look_at(min(again, occurrence.deadline_utc))


def _again_at(row: JobRun, policy: RetryPolicy) -> datetime:
    ended = row.ended_utc or row.due_utc
    if row.state is JobState.FAILED:
        return ended + policy.pause(row.attempts)
    if row.state is JobState.WAITING:
        return ended + timedelta(seconds=policy.busy_pause_s)
    return ended  # stopped or cut off: nothing speaks against going on


def _left_behind(row: JobRun, today: date) -> bool:
    """A job that is not on the timetable any more, or a day so long ago that it is not looked at."""
    return not row.state.final and row.state is not JobState.RUNNING and row.day < today
