"""When a job is due: local times of day turned into moments, one a day, also in the two odd nights of the year.

A job is identified by its local day, never by its moment. A time that the clocks skip in spring (02:30) is taken with
the offset from before the jump, so it comes an hour later by the wall; one that comes twice in autumn is taken the
first time (`fold=0` of PEP 495 does both).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from web4_agent.domain.jobs import JobName

SHORTEST_WINDOW = timedelta(hours=1)
"""A window that the spring jump would swallow is at least this long."""
_DAYS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Job:
    """Due each day at `at`; it may still begin until `until`, which is of the next day when it is not after `at`."""

    name: JobName
    at: time
    until: time


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A job of one day: due from `due_utc`, missed from `deadline_utc` on."""

    job: JobName
    day: date
    due_utc: datetime
    deadline_utc: datetime


def window_end(at: time, hours: float) -> time:
    """The time of day so many hours after `at`, by the wall: a night's window ends when people come, also in March."""
    return (datetime.combine(date(2000, 1, 1), at) + timedelta(hours=hours)).time()


def occurrences(job: Job, zone: tzinfo, first: date, last: date) -> list[Occurrence]:
    """The job's days from `first` to `last`, in order, each later than the one before.

    A day that a zone left out (Samoa's 30 December 2011) falls on the same moment as the next and is left out.
    """
    found: list[Occurrence] = []
    for day in _days(first, last):
        due = _moment(day, job.at, zone)
        if found and found[-1].due_utc >= due:
            found.pop()
        ends = day if job.until > job.at else day + timedelta(days=1)
        found.append(Occurrence(job.name, day, due, max(_moment(ends, job.until, zone), due + SHORTEST_WINDOW)))
    return found


def next_occurrence(job: Job, zone: tzinfo, now: datetime) -> Occurrence:
    """The first that is due after `now`."""
    today = now.astimezone(zone).date()
    ahead = occurrences(job, zone, today - timedelta(days=1), today + timedelta(days=_DAYS_AHEAD))
    return next(one for one in ahead if one.due_utc > now)


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
