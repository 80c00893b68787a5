"""Numbered migrations. Called by bootstrap when a home is opened; each version says why it exists."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from web4_agent.domain.errors import DatabaseError
from web4_agent.storage.database import Database


def migrate(database: Database) -> None:
    """Bring the schema to the newest version; nothing happens when it is there already.

    Raises DatabaseError when a newer version of the program has written the database.
    """
    config = _config()
    with database.begin() as connection:
        if MigrationContext.configure(connection).get_current_revision() == _head(config):
            return
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseError(
                f"the database {database.name} was written by a newer version: {error}",
                "pip install --upgrade web4-agent",
            ) from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _head(config: Config) -> str | None:
    return ScriptDirectory.from_config(config).get_current_head()
