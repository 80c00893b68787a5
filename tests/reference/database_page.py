"""docs/reference/database.md: every table of the ledger as its migrations make it, and why each migration was made."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Table, UniqueConstraint

from tests.reference.markdown import page, table
from web4_agent import records
from web4_agent.records.tables import every_table
from web4_agent.storage import migrations

INTRO = """
The ledger: one database, SQLite in the home or PostgreSQL by `database.url`. It is the truth; vectors, model files and
`serving.json` are made from it (`web4-agent doctor --fix`). Only `web4_agent.records` holds statements over these
tables, one file each, and its docstrings say more. Times are UTC. Read it as you like; write through the commands.
"""


def text() -> str:
    homes = _homes()
    parts = [part for one in sorted(every_table(), key=lambda one: one.name) for part in _table(one, homes)]
    return page("Database", INTRO, *parts, "## Migrations", _migrations())


def _homes() -> dict[str, ModuleType]:
    """The module of each table: the first, by name, that defines it."""
    found: dict[str, ModuleType] = {}
    for module in sorted(iter_modules(records.__path__), key=lambda one: one.name):
        loaded = import_module(f"{records.__name__}.{module.name}")
        source = inspect.getsource(loaded)
        for name in re.findall(r'= Table\(\s*"(\w+)"', source):
            found[name] = loaded
    return found


def _table(one: Table, homes: dict[str, ModuleType]) -> Iterator[str]:
    home = homes.get(one.name)
    said = (one.comment or (inspect.getdoc(home) or "").split("\n\n")[0]) if home else (one.comment or "")
    yield f"## {one.name}"
    yield said
    rows = [(f"`{column.name}`", str(column.type), _rules(column), column.comment or "") for column in one.columns]
    yield table(("column", "type", "rules", ""), rows)
    yield "\n".join(f"* {line}" for line in _constraints(one))


def _rules(column: "Column[object]") -> str:
    keys = [f"→ `{key.target_fullname}`" for key in column.foreign_keys]
    words = ["key" if column.primary_key else "", "" if column.nullable or column.primary_key else "not null", *keys]
    return ", ".join(word for word in words if word)


def _constraints(one: Table) -> Iterator[str]:
    for index in sorted(one.indexes, key=lambda index: str(index.name)):
        columns = ", ".join(f"`{column.name}`" for column in index.columns) or "an expression"
        yield f"{'unique ' if index.unique else ''}index over {columns}"
    for constraint in sorted(one.constraints, key=lambda each: (type(each).__name__, str(each.name))):
        if isinstance(constraint, UniqueConstraint):
            yield f"unique: {', '.join(f'`{column.name}`' for column in constraint.columns)}"
        elif isinstance(constraint, CheckConstraint):
            yield f"check: `{constraint.sqltext}`"
        elif isinstance(constraint, ForeignKeyConstraint) and len(constraint.columns) > 1:
            columns = ", ".join(f"`{column.name}`" for column in constraint.columns)
            yield f"{columns} → `{constraint.referred_table.name}`"


def _migrations() -> str:
    folder = Path(migrations.__file__).parent / "versions"
    rows = []
    for path in sorted(folder.glob("[0-9]*.py")):
        said = re.search(r'"""(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL)
        rows.append((f"`{path.stem}`", said[1].split("\n\n")[0] if said else ""))
    return table(("file", "why"), rows)
