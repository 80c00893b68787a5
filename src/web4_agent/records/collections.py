"""The collections table: an epoch per collection, raised with every change, so that a reader knows when to reopen."""

from sqlalchemy import Column, Connection, Integer, String, Table, insert, select, update

from web4_agent.storage.database import metadata

collections = Table(
    "collections",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("epoch", Integer, nullable=False),
)


def raise_epoch(connection: Connection, name: str) -> None:
    raised = connection.execute(
        update(collections).where(collections.c.name == name).values(epoch=collections.c.epoch + 1)
    )
    if not raised.rowcount:
        connection.execute(insert(collections).values(name=name, epoch=1))


def epochs(connection: Connection) -> dict[str, int]:
    return {row.name: row.epoch for row in connection.execute(select(collections))}
