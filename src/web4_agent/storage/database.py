"""The one database: an engine over SQLite (WAL) or PostgreSQL, and transactions whose errors say what to do.

Called by bootstrap (open) and by flows (transactions); records hold the statements.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import DatabaseError as SqlDatabaseError

from web4_agent.domain.errors import BusyError, DatabaseError, DiskFullError
from web4_agent.storage.advisory_lock import AdvisoryLock

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of `records` is in it; migrations make what it says, and a test compares the two."""

BUSY_TIMEOUT_MS = 5_000
CHECKPOINT_TRIES = 6
"""Each waits for readers as long as `BUSY_TIMEOUT_MS`."""
NIGHT_KEY = 0x57454234
"""The advisory lock's number: 'WEB4' in ASCII."""
MAINTENANCE_KEY = NIGHT_KEY + 1
"""Another one: a maintenance calls what takes the night's."""
_READS = "web4_reads"


class Database:
    """A connection pool. `begin` gives a transaction that commits at its end or rolls back on any error."""

    def __init__(self, url: str, *, lazy: bool = False) -> None:
        """`lazy`: a commit survives the death of this process, not a power cut; for the query log, which writes often.

        Raises DatabaseError when the URL names no known database or its driver is not installed.
        """
        try:
            self._engine = create_engine(make_url(url), pool_pre_ping=not url.startswith("sqlite"))
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise DatabaseError(
                f"the database URL can't be used: {error}",
                "set database.url to sqlite:///PATH or postgresql+psycopg://… (pip install 'web4-agent[postgres]')",
            ) from error
        self._held: dict[int, tuple[AdvisoryLock, str]] = {}
        if self.is_sqlite:
            event.listen(self._engine, "connect", _prepare_lazy_sqlite if lazy else _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    @property
    def engine(self) -> Engine:
        """For migrations only."""
        return self._engine

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction. Raises DatabaseError (locked, broken, unreachable) or DiskFullError."""
        with translated_sql_errors(self.name), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look that never waits for a writer. A statement that writes is an error."""
        with translated_sql_errors(self.name), self._engine.connect() as pooled:
            connection = pooled.execution_options(**{_READS: True})
            with connection.begin():
                if not self.is_sqlite:
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                yield connection

    @contextmanager
    def exclusive(self, *, doing: str, key: int = NIGHT_KEY) -> Iterator[None]:
        """Hold the ledger, or what another key stands for, for one run on all machines that share it.

        PostgreSQL has an advisory lock, which goes with its connection (`keep_holding`); a SQLite file is one
        machine's, whose file lock is enough. Waits some seconds at most. Raises BusyError.
        """
        if self.is_sqlite:
            yield
            return
        lock = AdvisoryLock(self._engine, key)
        with translated_sql_errors(self.name):
            try:
                if not lock.take():
                    raise self._busy(doing)
                self._held[key] = (lock, doing)
                yield
            finally:
                self._held.pop(key, None)
                lock.give_back()

    def keep_holding(self) -> None:
        """To be called before a commit of what `exclusive` is for: a server that was started again holds nothing.

        What was lost is taken again. Raises BusyError when another machine has it meanwhile, DatabaseError when the
        server is gone.
        """
        for lock, doing in self._held.values():
            with translated_sql_errors(self.name):
                if not lock.keep():
                    raise self._busy(doing)

    def _busy(self, doing: str) -> BusyError:
        return BusyError(
            f"another machine holds the ledger {self.name}; this one wanted {doing}",
            "wait for it to end, then type the same command again",
        )

    def snapshot(self, out: Path) -> bool:
        """Write a whole, consistent copy to `out` while others read and write. False where the server must do it."""
        if not self.is_sqlite:
            return False
        with translated_sql_errors(self.name), self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA query_only=OFF")  # a reader may have had this connection last
            driver.execute("VACUUM INTO ?", (str(out),))
        return True

    def compact(self) -> None:
        """Write the file anew without what was deleted from it, and empty its write-ahead log: deleted text lies in
        neither of them afterwards. Others may read and write meanwhile. PostgreSQL rewrites its tables.

        Raises BusyError when a reader or writer stayed too long; nothing is lost then, and it may be tried again.
        """
        with translated_sql_errors(self.name), self._engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM FULL")
                return
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA query_only=OFF")
            driver.execute("VACUUM")
            for _ in range(CHECKPOINT_TRIES):
                if not driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    return
        raise BusyError(
            f"the database {self.name} is read without a pause: its log can't be emptied",
            "end what reads it so long, then type the same command again",
        )

    def close(self) -> None:
        self._engine.dispose()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def translated_sql_errors(name: str) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        cause = " ".join(str(error.orig).split())
        if "disk is full" in cause or "No space left" in cause:
            raise DiskFullError(
                f"no space left for the database {name}", "free some space on its disk, then run again"
            ) from error
        if error.connection_invalidated or "connection" in cause:  # a file has none
            raise DatabaseError(
                f"the database {name} can't be reached: {cause}",
                "see that its server runs and lets this machine in, then type the same command again",
            ) from error
        hint = "web4-agent doctor"
        if "locked" in cause:
            hint = "close the other program that holds it, then run again"
        elif "readonly" in cause:
            hint = "give this user write access to it and its folder, then type the same command again"
        raise DatabaseError(f"the database {name} can't be used: {cause}", hint) from error
    except SqlDatabaseError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            raise DatabaseError(
                f"the database {name} is damaged: {error.orig}",
                "web4-agent backup --list, then web4-agent restore NAME",
            ) from error
        raise


def _prepare_sqlite(connection: Any, _: object) -> None:  # the driver's own connection has no public type
    """WAL so that readers never wait for the writer; FULL so that a committed step survives a power cut."""
    _pragmas(connection, "FULL")


def _prepare_lazy_sqlite(connection: Any, _: object) -> None:  # as above
    _pragmas(connection, "NORMAL")


def _pragmas(connection: Any, synchronous: str) -> None:  # as above
    connection.isolation_level = None  # SQLAlchemy's begin event starts transactions, not the driver
    cursor = connection.cursor()
    busy = f"busy_timeout={BUSY_TIMEOUT_MS}"
    for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON", busy):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: a reader that turns writer half-way could only fail."""
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("PRAGMA query_only=ON" if reads else "PRAGMA query_only=OFF")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
