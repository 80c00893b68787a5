"""The switches table: what a command changes in a running gateway without a restart, as names and values."""

from sqlalchemy import Column, Connection, String, Table, Text, insert, select, update

from web4_agent.storage.database import metadata

switches = Table(
    "switches",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

ECOSYSTEM = "tools.ecosystem"
"""Which pack of tool examples is in force."""


def get(connection: Connection, name: str, default: str = "") -> str:
    found = connection.execute(select(switches.c.value).where(switches.c.name == name)).scalar_one_or_none()
    return default if found is None else str(found)


def put(connection: Connection, name: str, value: str) -> None:
    changed = connection.execute(update(switches).where(switches.c.name == name).values(value=value))
    if not changed.rowcount:
        connection.execute(insert(switches).values(name=name, value=value))
