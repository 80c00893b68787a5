"""The runs and steps tables: which flow ran for which day, and which of its steps are committed."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    Float,
    ForeignKey,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from web4_agent.domain.ids import RunId
from web4_agent.domain.runs import Run, RunState, StepRecord
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("flow", String(16), nullable=False),
    Column("day", Date, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_utc", UtcDateTime, nullable=False),
    Column("ended_utc", UtcDateTime),
)
steps = Table(
    "steps",
    metadata,
    Column("run", String(64), ForeignKey("runs.id"), nullable=False),
    Column("name", String(32), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("committed_utc", UtcDateTime, nullable=False),
    Column("payload", Text, nullable=False),
    Column("peak_rss_bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("run", "name"),
)


def start(connection: Connection, flow: str, day: date, now: datetime) -> Run:
    """A new open run, named after its flow, its day and how many that day had: `night-2026-03-02-1`."""
    query = select(func.count()).select_from(runs).where(runs.c.flow == flow, runs.c.day == day)
    number = int(connection.execute(query).scalar_one()) + 1
    run = Run(RunId(f"{flow}-{day.isoformat()}-{number}"), flow, day, RunState.OPEN, now)
    connection.execute(
        insert(runs).values(id=run.id, flow=flow, day=day, state=run.state, started_utc=now, ended_utc=None)
    )
    return run


def end(connection: Connection, run: RunId, state: RunState, now: datetime) -> None:
    connection.execute(update(runs).where(runs.c.id == run).values(state=state, ended_utc=now))


def open_run(connection: Connection, flow: str) -> Run | None:
    """The run of this flow that has not ended: there is at most one, since a new one starts only when none is open."""
    query = select(runs).where(runs.c.flow == flow, runs.c.state == RunState.OPEN).order_by(runs.c.started_utc)
    row = connection.execute(query).first()
    return _run(row) if row else None


def get(connection: Connection, run: RunId) -> Run | None:
    row = connection.execute(select(runs).where(runs.c.id == run)).first()
    return _run(row) if row else None


def open_runs(connection: Connection) -> list[Run]:
    """Every run that has not ended, of any flow."""
    return [_run(row) for row in connection.execute(select(runs).where(runs.c.state == RunState.OPEN))]


def ended(connection: Connection, flow: str) -> list[Run]:
    """Every run of a flow that has ended, oldest first."""
    query = select(runs).where(runs.c.flow == flow, runs.c.ended_utc.is_not(None)).order_by(runs.c.started_utc)
    return [_run(row) for row in connection.execute(query)]


def recent(connection: Connection, flow: str, count: int) -> list[Run]:
    query = select(runs).where(runs.c.flow == flow).order_by(runs.c.started_utc.desc()).limit(count)
    return [_run(row) for row in connection.execute(query)]


def number_of(connection: Connection, flow: str, since: date | None = None) -> int:
    """How many runs of a flow there are, of the day `since` and later ones where it is given."""
    query = select(func.count()).select_from(runs).where(*_of(flow, since))
    return int(connection.execute(query).scalar_one())


def page(connection: Connection, flow: str, since: date | None, count: int, skip: int) -> list[Run]:
    """`count` runs of a flow, newest first, without the newest `skip`; `since` as for `number_of`."""
    query = select(runs).where(*_of(flow, since)).order_by(runs.c.started_utc.desc(), runs.c.id.desc())
    return [_run(row) for row in connection.execute(query.limit(count).offset(skip))]


def payloads(connection: Connection, of: Sequence[RunId], names: Collection[str]) -> dict[tuple[RunId, str], str]:
    """What these steps of these runs left, by run and name; a step that is not committed is not there."""
    query = select(steps.c.run, steps.c.name, steps.c.payload).where(steps.c.run.in_(of), steps.c.name.in_(names))
    return {(RunId(row.run), row.name): row.payload for row in connection.execute(query)}


def seconds(connection: Connection, of: Sequence[RunId]) -> dict[RunId, float]:
    """How long the committed steps of these runs took in all."""
    query = select(steps.c.run, func.sum(steps.c.seconds)).where(steps.c.run.in_(of)).group_by(steps.c.run)
    return {RunId(row[0]): float(row[1]) for row in connection.execute(query)}


def latest_steps(connection: Connection, flows: Collection[str]) -> dict[str, StepRecord]:
    """The newest committed step of each name, over all runs of these flows."""
    newest = (
        select(steps.c.name, func.max(steps.c.committed_utc).label("at"))
        .join(runs, runs.c.id == steps.c.run)
        .where(runs.c.flow.in_(flows))
        .group_by(steps.c.name)
        .subquery()
    )
    query = (
        select(steps)
        .join(runs, runs.c.id == steps.c.run)
        .join(newest, (newest.c.name == steps.c.name) & (newest.c.at == steps.c.committed_utc))
        .where(runs.c.flow.in_(flows))
    )
    return {row.name: _step(row) for row in connection.execute(query)}


def last_ended(connection: Connection, flow: str, state: RunState) -> datetime | None:
    """When a run of this flow last ended so."""
    query = select(func.max(runs.c.ended_utc)).where(runs.c.flow == flow, runs.c.state == state)
    moment: datetime | None = connection.execute(query).scalar_one_or_none()
    return moment


def last_moment(connection: Connection) -> datetime | None:
    """The latest time any step was committed, to notice a clock that was set back."""
    moment: datetime | None = connection.execute(select(func.max(steps.c.committed_utc))).scalar_one_or_none()
    return moment


def bring_back(connection: Connection, now: datetime) -> int:
    """Date what a clock that ran ahead dated later than `now` back, by one span, so that its order stays and nothing
    lies ahead; returns how many runs and steps. None is no error."""
    moments = [(steps, steps.c.committed_utc), (runs, runs.c.started_utc), (runs, runs.c.ended_utc)]
    latest = [connection.execute(select(func.max(column))).scalar_one_or_none() for _, column in moments]
    ahead = max((moment for moment in latest if moment is not None), default=now) - now
    changed = 0
    for table, column in moments:
        keys = list(table.primary_key.columns)
        for row in connection.execute(select(*keys, column.label("moment")).where(column > now)).all():
            where = [key == getattr(row, key.name) for key in keys]
            connection.execute(update(table).where(*where).values({column.name: row.moment - ahead}))
            changed += 1
    return changed


def commit_step(connection: Connection, record: StepRecord) -> None:
    connection.execute(
        insert(steps).values(
            run=record.run,
            name=record.name,
            seconds=record.seconds,
            committed_utc=record.committed_utc,
            payload=record.payload,
            peak_rss_bytes=record.peak_rss_bytes,
        )
    )


def committed(connection: Connection, run: RunId) -> dict[str, StepRecord]:
    """The run's committed steps by name, in the order they were committed."""
    query = select(steps).where(steps.c.run == run).order_by(steps.c.committed_utc, steps.c.name)
    return {row.name: _step(row) for row in connection.execute(query)}


def _of(flow: str, since: date | None) -> list[ColumnElement[bool]]:
    return [runs.c.flow == flow, *([runs.c.day >= since] if since is not None else [])]


def _step(row) -> StepRecord:  # type: ignore[no-untyped-def] # a row of this table
    return StepRecord(row.run, row.name, row.seconds, row.committed_utc, row.payload, row.peak_rss_bytes)


def _run(row) -> Run:  # type: ignore[no-untyped-def] # a row of this table
    return Run(row.id, row.flow, row.day, RunState(row.state), row.started_utc, row.ended_utc)
