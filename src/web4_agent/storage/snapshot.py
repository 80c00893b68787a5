"""A ledger as files, and back: a whole, consistent copy taken while others read and write.

SQLite gives a SQLite file; PostgreSQL a folder of JSON lines, one file a table, read in one transaction, so that it can
be read back without any tool of the server. Both become a SQLite ledger again, which `migrate` brings up to date.
Called by backup and restore. Knows no table by name: the caller gives them.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Date, DateTime, ForeignKey, MetaData, Table, insert, select, text
from sqlalchemy.exc import OperationalError

from web4_agent.domain.errors import DatabaseError, IntegrityError
from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.migrations import migrate

FILE = "ledger.db"
FOLDER = "ledger"
PAGE = 1_000
Seen = TypeVar("Seen")


def write_snapshot(
    database: Database, tables: Sequence[Table], folder: Path, look: Callable[[Connection], Seen]
) -> Seen:
    """Put the whole ledger into `folder`, as it was at one moment; returns what `look` sees of that very moment.

    Raises DatabaseError, DiskFullError.
    """
    if database.snapshot(folder / FILE):
        return look_into(folder / FILE, look)
    out = folder / FOLDER
    out.mkdir()
    with database.read() as connection:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for table in tables:
            with (out / f"{table.name}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{json.dumps(row, default=_plain)}\n" for row in rows(connection, table))
        return look(connection)


def look_into(file: Path, look: Callable[[Connection], Seen]) -> Seen:
    """What `look` sees in a SQLite ledger that nobody writes to; the file and its folder are left as they are."""
    copy = Database(f"sqlite:///{file.absolute().as_uri()}?mode=ro&immutable=1&uri=true")
    try:
        with copy.read() as connection:
            return look(connection)
    finally:
        copy.close()


def read_snapshot(folder: Path, schema: str, out: Path) -> Database:
    """A SQLite ledger at `out` with what `write_snapshot` put into `folder`, of the schema it had then.

    Raises IntegrityError naming what is no whole ledger.
    """
    if (folder / FILE).is_file():
        shutil.copyfile(folder / FILE, out)
        return Database(sqlite_url(out))
    database = Database(sqlite_url(out))
    migrate(database, schema)
    found = MetaData()
    with database.begin() as connection:
        found.reflect(connection)
        for table in found.sorted_tables:
            file = folder / FOLDER / f"{table.name}.jsonl"
            if file.is_file():
                put_rows(connection, table, _read_lines(file, table))
    return database


def check_sqlite(file: Path) -> None:
    """Raises IntegrityError when the SQLite file `file` is damaged or breaks its own references."""
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise IntegrityError(f"{file} is no whole ledger: {error}", "web4-agent backup --list") from error
    if said != "ok" or broken is not None:
        raise IntegrityError(
            f"{file} is no whole ledger: {said if said != 'ok' else f'a row of {broken[0]} names one that is missing'}",
            "web4-agent backup --list",
        )


def is_damaged(database: Database) -> bool:
    """Whether a SQLite ledger can't be read any more; PostgreSQL's server looks after its own."""
    if not database.is_sqlite:
        return False
    try:
        with database.read() as connection:
            return bool(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok")
    except DatabaseError as error:
        if isinstance(error.__cause__, OperationalError):  # locked, or no such file: not damaged
            raise
        return True


def ledger_bytes(database: Database) -> int:
    """How large the ledger is, at most, as a file."""
    with database.read() as connection:
        if database.is_sqlite:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:  # values as the table's types say
    """Every row of a table, read page by page."""
    found = connection.execute(select(table).execution_options(yield_per=PAGE))
    for row in found.mappings():
        yield dict(row)


def put_rows(
    connection: Connection,
    table: Table,
    given: Iterator[dict[str, Any]],  # as above
    advanced: Callable[[int], None] = lambda count: None,
) -> int:
    """Insert rows page by page, parents first where a table refers to itself; returns how many."""
    count = 0
    for page in _pages(_parents_first(table, given)):
        connection.execute(insert(table), page)
        count += len(page)
        advanced(len(page))
    return count


def copy_table(
    source: Connection, target: Connection, table: Table, advanced: Callable[[int], None] = lambda count: None
) -> int:
    """All rows of a table that is empty in `target`; returns how many. From SQLite to SQLite the drivers hand values
    over as they are stored: a fifth of the time."""
    both = {source.dialect.name, target.dialect.name}
    if both != {"sqlite"} or _own_keys(table):
        return put_rows(target, table, rows(source, table), advanced)
    names = [column.name for column in table.columns]
    found = source.exec_driver_sql(str(select(table).compile(dialect=source.dialect)))
    count = 0
    statement = str(insert(table).compile(dialect=target.dialect, column_keys=names))
    while page := found.fetchmany(PAGE):
        target.exec_driver_sql(statement, [tuple(row) for row in page])
        count += len(page)
        advanced(len(page))
    return count


def _own_keys(table: Table) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.column.table is table]


def _parents_first(table: Table, given: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row whose parent is in the same table comes after it: every insert is checked at once."""
    own = _own_keys(table)
    if not own:
        return given
    column, target = own[0].parent.name, own[0].column.name
    by_key = {row[target]: row for row in given}
    ordered: dict[Any, dict[str, Any]] = {}

    for key in by_key:
        chain = []
        current: Any = key
        while current in by_key and current not in ordered and current not in chain:
            chain.append(current)
            current = by_key[current][column]
        for one in reversed(chain):
            ordered[one] = by_key[one]
    return iter(ordered.values())


def _pages(given: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    page: list[dict[str, Any]] = []
    for row in given:
        page.append(row)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _read_lines(file: Path, table: Table) -> Iterator[dict[str, Any]]:
    times = [column.name for column in table.columns if isinstance(column.type, DateTime)]
    days = [column.name for column in table.columns if isinstance(column.type, Date)]
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                yield row | _dates(row, days) | _times(row, times)
            except (ValueError, TypeError, KeyError) as error:
                raise IntegrityError(
                    f"line {number} of {file} is no row of {table.name}", "web4-agent backup --list"
                ) from error


def _dates(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, date | None]:
    return {name: None if row[name] is None else date.fromisoformat(row[name]) for name in names}


def _times(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, datetime | None]:
    """SQLite's own type keeps no zone: what it is given is UTC."""
    return {
        name: None if row[name] is None else datetime.fromisoformat(row[name]).astimezone(UTC).replace(tzinfo=None)
        for name in names
    }


def _plain(value: object) -> str:
    if isinstance(value, date):  # and a datetime, which is one
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
