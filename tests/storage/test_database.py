from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from web4_agent import records
from web4_agent.domain.errors import DatabaseError, DiskFullError, Web4Error
from web4_agent.records import collections
from web4_agent.storage import migrations
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import Database, metadata, sqlite_url, translated_sql_errors
from web4_agent.storage.migrations import migrate, newest

RECORDS = [import_module(f"web4_agent.records.{one.name}") for one in iter_modules(records.__path__)]
"""Every file of the floor: one that nobody imported would leave its table out of the comparison."""


def test_migrations_make_what_the_records_say(database: Database) -> None:
    assert len(metadata.tables) > len(RECORDS) / 2
    with database.begin() as connection:
        context = MigrationContext.configure(connection)
        different = [
            change
            for change in compare_metadata(context, metadata)
            if "chunks_lexical" not in str(change) and "alembic" not in str(change)
        ]
    assert different == []


def test_the_newest_version_is_the_one_that_alembic_knows() -> None:
    assert newest() == ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head()


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("INSERT INTO collections VALUES ('kept', 3)"))
    migrate(database)
    with database.begin() as connection:
        assert collections.epochs(connection) == {"kept": 3}


def test_a_ledger_of_a_newer_version_is_refused(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer version"):
        migrate(database)


def test_a_reader_waits_for_no_writer_and_writes_nothing(database: Database) -> None:
    with database.begin() as writer:
        collections.raise_epoch(writer, "unfinished")
        with database.read() as reader:
            assert collections.epochs(reader) == {}
    with pytest.raises(DatabaseError), database.read() as reader:
        collections.raise_epoch(reader, "never")
    with database.begin() as writer:  # the connection that read is a writer again
        assert collections.epochs(writer) == {"unfinished": 1}


def test_an_error_rolls_the_transaction_back(database: Database) -> None:
    def fails() -> None:
        with database.begin() as connection:
            collections.raise_epoch(connection, "lost")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails()
    with database.begin() as connection:
        assert collections.epochs(connection) == {}


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database at all, just some text" * 50)
    with pytest.raises(DatabaseError, match="damaged"):
        migrate(Database(sqlite_url(tmp_path / "ledger.db")))


@pytest.mark.parametrize("url", ["nonsense", "mysteryql://host/x", "mysql://u:p@h/d"])
def test_a_url_that_can_not_be_used_is_named(url: str) -> None:
    with pytest.raises(DatabaseError, match="can't be used"):
        Database(url)


def test_a_locked_database_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web4_agent.storage.database.BUSY_TIMEOUT_MS", 50)
    other = Database(database.engine.url.render_as_string(hide_password=False))
    with database.begin(), pytest.raises(DatabaseError, match="locked"), other.begin():
        pass
    other.close()


@pytest.mark.parametrize(
    ("cause", "error", "told"),
    [
        ("database or disk is full", DiskFullError, "no space left"),
        ('could not extend file "base/5": No space left on device', DiskFullError, "no space left"),
        (
            'connection failed: connection to server on socket "/full/locked"\n\tfailed',
            DatabaseError,
            "reached: .* failed$",
        ),
        ("attempt to write a readonly database", DatabaseError, "can't be used"),
    ],
)
def test_what_a_driver_says_is_told_by_what_it_means(cause: str, error: type[Web4Error], told: str) -> None:
    with pytest.raises(error, match=told), translated_sql_errors("the ledger"):
        raise OperationalError("SELECT 1", None, Exception(cause))


def test_a_snapshot_is_a_whole_ledger(database: Database, tmp_path: Path) -> None:
    with database.begin() as connection:
        collections.raise_epoch(connection, "buffer")
    assert database.snapshot(tmp_path / "copy.db")
    copy = Database(sqlite_url(tmp_path / "copy.db"))
    with copy.begin() as connection:
        assert collections.epochs(connection) == {"buffer": 1}
    copy.close()


def test_times_are_kept_in_utc_and_naive_ones_refused(database: Database) -> None:
    column = UtcDateTime()
    local = datetime(2026, 3, 2, 23, tzinfo=timezone(timedelta(hours=2)))
    assert column.process_bind_param(local, database.engine.dialect) == datetime(2026, 3, 2, 21, tzinfo=UTC)
    with pytest.raises(ValueError, match="without a zone"):
        column.process_bind_param(datetime(2026, 3, 2), database.engine.dialect)  # noqa: DTZ001 - the case under test
