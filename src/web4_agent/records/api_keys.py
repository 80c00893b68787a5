"""The api_keys table: who may ask from elsewhere. A key is kept as its SHA-256; it is random, so no salt is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, insert, select, update

from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("created_utc", UtcDateTime, nullable=False),
    Column("revoked_utc", UtcDateTime),
)


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    name: str
    key_hash: str
    created_utc: datetime
    revoked_utc: datetime | None = None


def add(connection: Connection, row: ApiKeyRow) -> None:
    connection.execute(
        insert(api_keys).values(
            name=row.name, key_hash=row.key_hash, created_utc=row.created_utc, revoked_utc=row.revoked_utc
        )
    )


def revoke(connection: Connection, name: str, at_utc: datetime) -> bool:
    """False when there is no such key, or it is revoked already."""
    changed = connection.execute(
        update(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_utc.is_(None)).values(revoked_utc=at_utc)
    )
    return bool(changed.rowcount)


def listed(connection: Connection) -> Sequence[ApiKeyRow]:
    """Every key ever given, by name."""
    return [ApiKeyRow(*row) for row in connection.execute(select(api_keys).order_by(api_keys.c.name))]
