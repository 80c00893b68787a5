"""The timetable for people: each job, when it is next, how it went last, what was missed. Changes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from web4_agent.domain.jobs import JobName, JobRun, JobState
from web4_agent.flows.timetable.due import LOOKED
from web4_agent.flows.timetable.parts import TimetableParts
from web4_agent.records import jobs, switches
from web4_agent.steps.timetable import Job, next_occurrence
from web4_agent.steps.timetable.zone import zone_name

DAYS = 7


@dataclass(frozen=True, slots=True)
class JobStanding:
    """Times with their zone, for people's eyes: `next_local` is None for a job that is off.

    `late_s`: how long after its time the last run began; `missed`: how many of the last seven days it was.
    """

    job: JobName
    next_local: datetime | None
    last: JobRun | None
    last_local: datetime | None
    late_s: float | None
    missed: int


@dataclass(frozen=True, slots=True)
class Overview:
    """`looked_utc`: when anybody looked at the timetable last; None: nobody ever did."""

    zone: str
    looked_utc: datetime | None
    jobs: tuple[JobStanding, ...]


def overview(parts: TimetableParts) -> Overview:
    zone, now = parts.zone(), parts.now()
    on = {job.name: job for job in parts.jobs}
    first = (now - timedelta(days=DAYS)).astimezone(zone).date()
    with parts.database.read() as connection:
        looked = switches.get(connection, LOOKED)
        recent = jobs.since(connection, first)
        last = {name: jobs.latest(connection, name) for name in JobName}
    missed = {name: sum(1 for row in recent if row.job is name and row.state is JobState.MISSED) for name in JobName}
    return Overview(
        zone_name(zone),
        datetime.fromisoformat(looked) if looked else None,
        tuple(_standing(parts, name, on.get(name), last[name], missed[name]) for name in JobName),
    )


def _standing(parts: TimetableParts, name: JobName, job: Job | None, last: JobRun | None, missed: int) -> JobStanding:
    zone = parts.zone()
    upcoming = next_occurrence(job, zone, parts.now()).due_utc.astimezone(zone) if job is not None else None
    began = last.started_utc if last is not None else None
    late = (began - last.due_utc).total_seconds() if last is not None and began is not None else None
    return JobStanding(name, upcoming, last, began.astimezone(zone) if began is not None else None, late, missed)
