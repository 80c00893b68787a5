"""Every table of the ledger, for what handles a ledger as a whole: backup and restore."""

from importlib import import_module
from pkgutil import iter_modules

from sqlalchemy import Table

from web4_agent import records
from web4_agent.storage.database import metadata


def every_table() -> list[Table]:
    """All tables, those that others refer to first. A table is known once its file was imported: all are."""
    for module in iter_modules(records.__path__):
        import_module(f"{records.__name__}.{module.name}")
    return list(metadata.sorted_tables)
