"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have and SQLAlchemy spells once for each.

Called by records whose rows are added to or replaced. Knows no table.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Table, case
from sqlalchemy.dialects import postgresql, sqlite


def add_up(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], sums: Sequence[str], latest: str = ""
) -> None:
    """Insert `rows`; where a row with the same key is there, add to its columns `sums`, and let `latest` only grow.

    Each key may occur once in `rows`. Give them in the order of their keys: two writers then wait and never deadlock.
    """
    if not rows:
        return
    statement = _insert(connection, table)
    changes: dict[str, object] = {name: table.c[name] + statement.excluded[name] for name in sums}
    if latest:
        old, new = table.c[latest], statement.excluded[latest]
        changes[latest] = case((new > old, new), else_=old)
    connection.execute(statement.on_conflict_do_update(index_elements=_key(table), set_=changes), list(rows))


def replace_row(connection: Connection, table: Table, row: Mapping[str, object]) -> None:
    """Insert `row` in place of the one with the same key."""
    statement = _insert(connection, table)
    key = _key(table)
    changes = {name: statement.excluded[name] for name in row if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), [dict(row)])


def insert_missing(connection: Connection, table: Table, row: Mapping[str, object], key: Sequence[str]) -> bool:
    """Insert `row` unless one with the same values in the unique columns `key` is there; returns whether it was new."""
    statement = _insert(connection, table).values(dict(row)).on_conflict_do_nothing(index_elements=list(key))
    return bool(connection.execute(statement).rowcount)


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]
