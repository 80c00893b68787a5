"""The collections table: an epoch per collection, raised with every change, so that a reader knows when to reopen.

While a collection is being written its epoch stands below zero: a writer that was killed before it raised the epoch has
left a mark, and the next one raises it, also where nothing is left to write.
"""

from sqlalchemy import Column, ColumnElement, Connection, Integer, String, Table, insert, select, update

from web4_agent.storage.database import metadata

collections = Table(
    "collections",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("epoch", Integer, nullable=False),
)


def begin_change(connection: Connection, name: str) -> None:
    """Note that a collection is about to be written; readers go on with the epoch they know. Safe to repeat."""
    if not _set(connection, name, -collections.c.epoch - 1, collections.c.epoch >= 0):
        known = connection.execute(select(collections.c.name).where(collections.c.name == name)).first()
        if known is None:
            connection.execute(insert(collections).values(name=name, epoch=-1))


def raise_epoch(connection: Connection, name: str) -> None:
    """The change is whole: readers reopen. Whether or not it was begun."""
    if _set(connection, name, -collections.c.epoch, collections.c.epoch < 0):
        return
    if not _set(connection, name, collections.c.epoch + 1, collections.c.epoch >= 0):
        connection.execute(insert(collections).values(name=name, epoch=1))


def epochs(connection: Connection) -> dict[str, int]:
    """The epoch of the last whole change, by collection; one that has none yet is left out."""
    rows = connection.execute(select(collections))
    found = {row.name: row.epoch if row.epoch >= 0 else -row.epoch - 1 for row in rows}
    return {name: epoch for name, epoch in found.items() if epoch}


def unfinished(connection: Connection) -> set[str]:
    """Collections whose change was begun and not ended: by a writer at work, or by one that was killed."""
    return set(connection.execute(select(collections.c.name).where(collections.c.epoch < 0)).scalars())


def _set(connection: Connection, name: str, value: ColumnElement[int], where: ColumnElement[bool]) -> bool:
    changed = connection.execute(update(collections).where(collections.c.name == name, where).values(epoch=value))
    return bool(changed.rowcount)
