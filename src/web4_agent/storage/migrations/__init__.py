"""Numbered migrations. Called by bootstrap when a home is opened; each version says why it exists."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from web4_agent.domain.errors import DatabaseError
from web4_agent.storage.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent
_VERSION_TABLE = "alembic_version"


def migrate(database: Database, to: str = "") -> None:
    """Bring the schema to the newest version, or to `to`; nothing happens when it is there already.

    Then no writer is waited for, and alembic is not even imported: it takes a fifth of a second of every command, and
    a rollback is counted from the key press.

    Raises DatabaseError when a newer version of the program has written the database.
    """
    with database.read() as connection:
        if _revision(connection) == (to or newest()):
            return
    _upgrade(database, to or "head")


def schema_of(connection: Connection) -> str:
    """The version that a ledger stands at; empty for one without tables."""
    return _revision(connection) or ""


def knows_schema(schema: str) -> bool:
    """Whether this program can bring a ledger of that version up to date."""
    return any(file.name.partition("_")[0] == schema for file in (_FOLDER / "versions").glob("[0-9]*.py"))


def newest() -> str:
    """The newest version's number: each file's name begins with its own."""
    return max(file.name.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, _VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608 - a name of ours


def _upgrade(database: Database, to: str) -> None:
    from alembic import command
    from alembic.util.exc import CommandError

    config = _config()
    with database.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            raise DatabaseError(
                f"the database {database.name} was written by a newer version: {error}",
                "pip install --upgrade web4-agent",
            ) from error


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
