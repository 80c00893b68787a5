"""The policies table: every version of the retrieval policy that was applied, and which were taken back.

A stack: the version in force is the newest that was not taken back; below them all stand the settings, as number 0.
"""

import json
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, RowMapping, Table, Text, func, insert, select, update

from web4_agent.domain.errors import IntegrityError
from web4_agent.domain.retrieval import PolicyVersion, RetrievalPolicy, wrong_in
from web4_agent.domain.tuning import Comparison
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json, to_json

policies = Table(
    "policies",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer, nullable=False),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("why", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Column("reverted_utc", UtcDateTime),
)

SETTINGS = 0


def number_in_force(connection: Connection) -> int:
    """0 where no version is: the settings hold."""
    query = select(func.max(policies.c.number)).where(policies.c.reverted_utc.is_(None))
    return int(connection.execute(query).scalar() or SETTINGS)


def find(connection: Connection, number: int) -> PolicyVersion | None:
    """Raises IntegrityError for one that this program can't read: damaged, or of a newer version with other keys."""
    row = connection.execute(select(policies).where(policies.c.number == number)).mappings().first()
    return _version(row) if row else None


def every(connection: Connection) -> list[PolicyVersion]:
    """Newest first. Raises IntegrityError as `find` does."""
    query = select(policies).order_by(policies.c.number.desc())
    return [_version(row) for row in connection.execute(query).mappings()]


def check_writable(connection: Connection) -> None:
    """Write nothing, as a writer: a database that can only be read refuses."""
    connection.execute(update(policies).where(policies.c.number < SETTINGS).values(why=policies.c.why))


def apply(
    connection: Connection, policy: RetrievalPolicy, figures: Comparison | None, why: str, at_utc: datetime
) -> int:
    """Put a new version in force; returns its number."""
    parent = number_in_force(connection)
    number = int(connection.execute(select(func.max(policies.c.number))).scalar() or 0) + 1
    values: dict[str, object] = {"number": number, "parent": parent, "at_utc": at_utc, "why": why}
    values |= {"body": to_json(policy), "figures": to_json(figures) if figures else "", "reverted_utc": None}
    connection.execute(insert(policies).values(**values))
    return number


def revert(connection: Connection, at_utc: datetime) -> tuple[int, int] | None:
    """Take back the version in force; returns it and the one in force now, or None where the settings hold already."""
    number = number_in_force(connection)
    if number == SETTINGS:
        return None
    connection.execute(update(policies).where(policies.c.number == number).values(reverted_utc=at_utc))
    return number, number_in_force(connection)


def _version(row: RowMapping) -> PolicyVersion:
    figures = row["figures"]
    return PolicyVersion(
        number=row["number"],
        parent=row["parent"],
        at_utc=row["at_utc"],
        why=row["why"],
        policy=_policy(row["number"], row["body"]),
        figures=from_json(Comparison, figures) if figures else None,
        reverted_utc=row["reverted_utc"],
    )


def _policy(number: int, body: str) -> RetrievalPolicy:
    policy = from_json(RetrievalPolicy, body)
    unknown = set(json.loads(body)) - {one.name for one in fields(RetrievalPolicy)}
    wrong = f"it has the unknown key {min(unknown)!r}" if unknown else wrong_in(policy)
    if wrong:
        hint = "pip install --upgrade web4-agent, or web4-agent tune revert"
        raise IntegrityError(f"version {number} of the retrieval policy can't be used: {wrong}", hint)
    return policy
