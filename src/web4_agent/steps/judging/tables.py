"""Reads item files: TOML arrays of tables with a fixed set of keys, shipped or a team's own.

Called by the loaders of canaries, margins, challenges and texts. Knows nothing of what the items mean.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from web4_agent.domain.errors import SettingsError

Item = TypeVar("Item")

_HINT = "correct the file; the comment at the head of the shipped one names the keys"


@dataclass(frozen=True, slots=True)
class Table:
    """One item as written; the getters check types and name file, item and key when something is wrong."""

    source: str
    name: str
    values: dict[str, object]

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.wrong(key, "must be text")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def number(self, key: str, default: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.wrong(key, "must be a whole number above 0")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, at least one."""
        value = self.values.get(key)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(key, "must be a list of texts")
        return tuple(value)

    def rows(self, key: str) -> tuple[tuple[str, ...], ...]:
        """A list of lists of texts, at least one, none empty."""
        value = self.values.get(key)
        if not isinstance(value, list) or not value:
            raise self.wrong(key, 'must be a list of lists: [["contains_any", "word"]]')
        return tuple(Table(self.source, self.name, {key: row}).texts(key) for row in value)

    def mapping(self, key: str) -> Mapping[str, object]:
        """A table within the item; empty where it is left out."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "must be a table: { name = value }")
        return value

    def wrong(self, key: str, complaint: str) -> SettingsError:
        return SettingsError(f"{self.source}: {self.name}: key '{key}' {complaint}", _HINT)


def shipped(name: str) -> Path:
    """Path of a data file that is part of the package, such as `canaries.toml`."""
    return Path(str(files("web4_agent.data"))) / name


def read_tables(path: Path, kind: str, keys: frozenset[str], *, top: frozenset[str] = frozenset()) -> tuple[Table, ...]:
    """The `[[kind]]` tables of a TOML file, in order. `top` are plain keys allowed beside them, for every table.

    Raises SettingsError naming file and key: no file, no TOML, an unknown key, an `id` that is missing or used twice.
    """
    document = _parse(path)
    for key in document.keys() - top - {kind}:
        raise SettingsError(f"{path}: unknown key '{key}'", _HINT)
    entries = document.get(kind)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SettingsError(f"{path}: no [[{kind}]] table", _HINT)
    shared = {key: document[key] for key in top & document.keys()}
    return tuple(
        _table(path, kind, position, {**shared, **entry}, keys | top) for position, entry in enumerate(entries)
    )


def refuse_duplicates(items: Sequence[Item], id_of: Callable[[Item], str], source: str) -> None:
    """Raises SettingsError naming the first id that stands twice."""
    seen: set[str] = set()
    for item in items:
        if id_of(item) in seen:
            raise SettingsError(f"{source}: key 'id': '{id_of(item)}' is used twice", "give each item an id of its own")
        seen.add(id_of(item))


def _parse(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise SettingsError(f"{path}: no such file", "correct the path in web4.toml") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: not TOML: {exc}", _HINT) from exc


def _table(path: Path, kind: str, position: int, values: dict[str, object], keys: frozenset[str]) -> Table:
    table = Table(str(path), f"{kind} '{values.get('id', position + 1)}'", values)
    for key in values.keys() - keys:
        raise table.wrong(key, "is unknown")
    table.text("id")
    return table
