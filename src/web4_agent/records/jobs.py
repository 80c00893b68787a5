"""The job_runs table: which job of the timetable ran for which day. One row a job and day."""

from dataclasses import asdict
from datetime import date

from sqlalchemy import (
    Column,
    Connection,
    Date,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    func,
    select,
    update,
)

from web4_agent.domain.jobs import JobName, JobRun, JobState
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.upsert import insert_missing

job_runs = Table(
    "job_runs",
    metadata,
    Column("job", String(16), nullable=False),
    Column("day", Date, nullable=False),
    Column("due_utc", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("started_utc", UtcDateTime),
    Column("ended_utc", UtcDateTime),
    Column("exit_code", Integer),
    Column("detail", Text, nullable=False),
    Column("host", String(255), nullable=False),
    PrimaryKeyConstraint("job", "day"),
)


def put(connection: Connection, row: JobRun, before: JobRun | None) -> bool:
    """Write `row` in place of `before` (None: there was none). False, and nothing written, when another was quicker."""
    if before is None:
        return insert_missing(connection, job_runs, asdict(row), ["job", "day"])
    unchanged = (
        job_runs.c.job == before.job,
        job_runs.c.day == before.day,
        job_runs.c.state == before.state,
        job_runs.c.attempts == before.attempts,
    )
    return bool(connection.execute(update(job_runs).where(*unchanged).values(**asdict(row))).rowcount)


def get(connection: Connection, job: JobName, day: date) -> JobRun | None:
    row = connection.execute(select(job_runs).where(job_runs.c.job == job, job_runs.c.day == day)).first()
    return _run(row) if row else None


def since(connection: Connection, day: date) -> list[JobRun]:
    """Of that day and all later ones, oldest first."""
    query = select(job_runs).where(job_runs.c.day >= day).order_by(job_runs.c.day, job_runs.c.job)
    return [_run(row) for row in connection.execute(query)]


def latest(connection: Connection, job: JobName) -> JobRun | None:
    query = select(job_runs).where(job_runs.c.job == job).order_by(job_runs.c.day.desc()).limit(1)
    row = connection.execute(query).first()
    return _run(row) if row else None


def last_done(connection: Connection, job: JobName) -> date | None:
    """The last day for which the job was done."""
    query = select(func.max(job_runs.c.day)).where(job_runs.c.job == job, job_runs.c.state == JobState.DONE)
    found: date | None = connection.execute(query).scalar_one_or_none()
    return found


def _run(row) -> JobRun:  # type: ignore[no-untyped-def] # a row of this table
    return JobRun(
        JobName(row.job),
        row.day,
        row.due_utc,
        JobState(row.state),
        row.attempts,
        row.started_utc,
        row.ended_utc,
        row.exit_code,
        row.detail,
        row.host,
    )
