"""The evaluations table, one row an evaluation, and the acceptances table, one row a quality gate that was let pass."""

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    insert,
    select,
)

from web4_agent.domain.evaluations import Acceptance, Evaluation
from web4_agent.domain.ids import AdapterVersion
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json, to_json
from web4_agent.storage.upsert import replace_row

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", String(32), nullable=False, index=True),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)

acceptances = Table(
    "acceptances",
    metadata,
    Column("evaluation", String(64), ForeignKey("evaluations.id"), nullable=False),
    Column("harness", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at_utc", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("evaluation", "harness"),
)


def add(connection: Connection, row: Evaluation) -> None:
    connection.execute(
        insert(evaluations).values(
            id=row.id, version=row.version, at_utc=row.at_utc, complete=row.complete, body=to_json(row)
        )
    )


def get(connection: Connection, evaluation: str) -> Evaluation | None:
    body = connection.execute(select(evaluations.c.body).where(evaluations.c.id == evaluation)).scalar()
    return from_json(Evaluation, body) if body else None


def recent(connection: Connection, count: int, version: AdapterVersion | None = None) -> list[Evaluation]:
    """The last ones, newest first; of one version or of all."""
    query = select(evaluations.c.body).order_by(evaluations.c.at_utc.desc(), evaluations.c.id.desc()).limit(count)
    if version is not None:
        query = query.where(evaluations.c.version == version)
    return [from_json(Evaluation, body) for body in connection.execute(query).scalars()]


def latest_complete(connection: Connection, version: AdapterVersion | None = None) -> Evaluation | None:
    """The newest that asked every harness all of its items; of one version or of any."""
    query = select(evaluations.c.body).where(evaluations.c.complete).order_by(evaluations.c.at_utc.desc()).limit(1)
    if version is not None:
        query = query.where(evaluations.c.version == version)
    body = connection.execute(query).scalar()
    return from_json(Evaluation, body) if body else None


def accept(connection: Connection, row: Acceptance) -> None:
    """Keep a reason, in place of one given before for the same gate."""
    values: dict[str, object] = {
        "evaluation": row.evaluation,
        "harness": row.harness,
        "who": row.who,
        "why": row.why,
        "at_utc": row.at_utc,
    }
    replace_row(connection, acceptances, values)


def accepted(connection: Connection, evaluation: str) -> tuple[Acceptance, ...]:
    """By harness."""
    query = select(acceptances).where(acceptances.c.evaluation == evaluation).order_by(acceptances.c.harness)
    return tuple(
        Acceptance(row.evaluation, row.harness, row.who, row.why, row.at_utc) for row in connection.execute(query)
    )
