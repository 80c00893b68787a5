"""All that a home holds but times and durations, as text: equal pictures are equal homes."""

import json
import re

from sqlalchemy import Column, Table, select

from tests.kills.world import KilledWorld
from web4_agent.domain.home import Home
from web4_agent.steps.projection import COLLECTIONS
from web4_agent.storage.database import Database, metadata

TIMES = ("_utc", "seconds", "peak_rss_bytes", "payload")
"""Columns that differ from run to run; a step's payload holds paths and durations."""
PASSING = ("logs", "reports", "locks", "vectors", "ledger.db", ".engine")
"""Parts of a home that grow with every attempt, or that are looked into by other means."""


_MOMENT = re.compile(r"\d{4}-?\d\d-?\d\dT\d\d:?\d\d:?\d\d(\.\d+)?(Z|\+00:00)?")
"""A time within a name or a text."""


def ledger(database: Database, *, times: bool = False) -> list[str]:
    """Every row of every table, in order. Without `times`, what does not differ between two like homes."""
    lines = []
    with database.read() as connection:
        for table in sorted(metadata.tables.values(), key=lambda one: one.name):
            kept = [column for column in table.c if times or not (column.name.endswith(TIMES) or _numbered(column))]
            rows = [json.dumps([str(value) for value in row]) for row in connection.execute(select(*kept))]
            lines += [f"{table.name} {row}" for row in sorted(rows)]
    return lines


def _numbered(column: Column[object]) -> bool:
    """Given by the database, or naming such a number: one that was given in a killed transaction is not given again."""
    named = [column, *(key.column for key in column.foreign_keys)]
    return any(one is one.table.autoincrement_column for one in named if isinstance(one.table, Table))


def vectors(world: KilledWorld) -> list[str]:
    return [
        f"{name} {entry.id} {json.dumps(dict(entry.metadata), sort_keys=True)} {vector.tobytes().hex()[:64]}"
        for name in COLLECTIONS
        for entry, vector in world.file_store.entries(name)
    ]


def files(home: Home) -> list[str]:
    found = [path.relative_to(home.root).as_posix() for path in sorted(home.root.rglob("*"))]
    return [name for name in found if not name.startswith(PASSING)]


def picture(world: KilledWorld) -> list[str]:
    return timeless([*ledger(world.database), *vectors(world), *files(world.home)])


def timeless(lines: list[str]) -> list[str]:
    """Times within names and texts, too, are left out."""
    return [_MOMENT.sub("MOMENT", line) for line in lines]
