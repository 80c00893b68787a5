"""The tables calibrations and audits: what the gate's errors were measured to be, and what the sealed set said."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, Connection, PrimaryKeyConstraint, String, Table, Text, func, select

from web4_agent.domain.calibration import Audit, Calibration, GateIdentity
from web4_agent.domain.ids import AdapterVersion
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json, to_json
from web4_agent.storage.upsert import replace_row

calibrations = Table(
    "calibrations",
    metadata,
    Column("identity", String(64), nullable=False),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("identity", "at_utc"),
)
audits = Table(
    "audits",
    metadata,
    Column("at_utc", UtcDateTime, primary_key=True),
    Column("production", String(32), nullable=False),
    Column("body", Text, nullable=False),
)


def put(connection: Connection, calibration: Calibration) -> None:
    values: dict[str, object] = {
        "identity": _key(calibration.identity),
        "at_utc": calibration.at_utc,
        "body": to_json(calibration),
    }
    replace_row(connection, calibrations, values)


def latest(connection: Connection, of: GateIdentity) -> Calibration | None:
    """The newest for this model, engine, items and policy; one for others says nothing of this gate."""
    query = select(calibrations.c.body).where(calibrations.c.identity == _key(of))
    body = connection.execute(query.order_by(calibrations.c.at_utc.desc())).scalar()
    return from_json(Calibration, body) if body else None


def newest(connection: Connection) -> datetime | None:
    """When any gate was last calibrated."""
    moment: datetime | None = connection.execute(select(func.max(calibrations.c.at_utc))).scalar_one_or_none()
    return moment


def put_audit(connection: Connection, audit: Audit) -> None:
    values: dict[str, object] = {"at_utc": audit.at_utc, "production": audit.production, "body": to_json(audit)}
    replace_row(connection, audits, values)


def latest_audit(connection: Connection) -> Audit | None:
    body = connection.execute(select(audits.c.body).order_by(audits.c.at_utc.desc())).scalar()
    return from_json(Audit, body) if body else None


def audited(connection: Connection, versions: Sequence[AdapterVersion], since: datetime) -> bool:
    """Whether one of these versions was audited since."""
    query = select(audits.c.at_utc).where(audits.c.production.in_(versions), audits.c.at_utc > since)
    return connection.execute(query).first() is not None


def _key(of: GateIdentity) -> str:
    return hash_text(to_json(of))
