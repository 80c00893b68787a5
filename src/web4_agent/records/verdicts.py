"""The verdicts table: one a run and scale, whole, as it was pronounced."""

from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

from web4_agent.domain.ids import AdapterVersion, RunId
from web4_agent.domain.verdicts import Verdict
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json, to_json

verdicts = Table(
    "verdicts",
    metadata,
    Column("run", String(64), ForeignKey("runs.id"), nullable=False),
    Column("candidate", String(32), nullable=False, index=True),
    Column("scale", Float, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("judged_utc", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("run", "scale"),
)


def put(connection: Connection, run: RunId, verdict: Verdict, now: datetime) -> None:
    connection.execute(delete(verdicts).where(verdicts.c.run == run, verdicts.c.scale == verdict.scale))
    connection.execute(
        insert(verdicts).values(
            run=run,
            candidate=verdict.candidate,
            scale=verdict.scale,
            decision=verdict.decision,
            body=to_json(verdict),
            judged_utc=now,
        )
    )


def of_run(connection: Connection, run: RunId) -> list[Verdict]:
    """The run's verdicts, largest scale first."""
    query = select(verdicts.c.body).where(verdicts.c.run == run).order_by(verdicts.c.scale.desc())
    return [from_json(Verdict, body) for body in connection.execute(query).scalars()]


def of_adapter(connection: Connection, version: AdapterVersion) -> Verdict | None:
    """The latest verdict on this adapter."""
    query = select(verdicts.c.body).where(verdicts.c.candidate == version).order_by(verdicts.c.judged_utc.desc())
    body = connection.execute(query).scalar()
    return from_json(Verdict, body) if body else None
