"""The nine harnesses with their gates, and their items from `data/harnesses` and from a team's own folder.

Called by bootstrap. Every mistake in an item file is named with file, item and key.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from web4_agent.domain.errors import SettingsError, UsageError
from web4_agent.domain.evaluations import Gate, Measure
from web4_agent.steps.harnesses import constructors, layers, maturity, pdca, recall, refusal, tools, tron
from web4_agent.steps.harnesses.harness import Harness, Item, Reading
from web4_agent.steps.judging.tables import Table, read_tables, refuse_duplicates, shipped

_KEYS = frozenset({"id", "prompt", "reference", "max_tokens", "system", "right", "wrong"})
_TOP = frozenset({"system", "max_tokens"})
_SHIP_WEIGHT, _QUALITY_WEIGHT = 2.0, 1.0
"""The specification says 'weighted' and no more: what blocks counts twice."""


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    title: str
    gate: Gate
    limit: float
    read: Callable[[Table], Reading]
    keys: frozenset[str]
    measure: Measure = Measure.RATE
    looks_up: bool = False


_KINDS = (
    _Kind("pdca-schema", "PDCA schema", Gate.SHIP, 0.95, pdca.read_schema, pdca.SCHEMA_KEYS),
    _Kind("pdca-template", "PDCA template", Gate.SHIP, 0.95, pdca.read_template, pdca.TEMPLATE_KEYS),
    _Kind("tron", "TRON format", Gate.QUALITY, 0.90, tron.read_tron, tron.KEYS),
    _Kind("constructor", "empty constructor", Gate.SHIP, 0.95, constructors.read_constructor, constructors.KEYS),
    _Kind("layers", "5-layer architecture", Gate.QUALITY, 0.90, layers.read_layers, layers.KEYS),
    _Kind("cmm", "CMM understanding", Gate.QUALITY, 0.90, maturity.read_maturity, maturity.KEYS),
    _Kind("tools", "tool success", Gate.QUALITY, 0.85, tools.read_tool_call, tools.KEYS),
    _Kind("history", "historical retrieval", Gate.QUALITY, 0.85, recall.read_recall, recall.KEYS, looks_up=True),
    _Kind("refusal", "refusal", Gate.SHIP, 0.98, refusal.read_refusal, refusal.KEYS, Measure.F1),
)
NAMES = tuple(kind.name for kind in _KINDS)


def load_harnesses(own: Path | None = None) -> tuple[Harness, ...]:
    """All nine. `own`: a folder with a team's items, `NAME.toml` each, asked beside those that ship.

    Raises SettingsError naming file, item and key; a harness without items is a mistake too.
    """
    if own is not None:
        _check_folder(own)
    return tuple(_load(kind, shipped("harnesses"), own) for kind in _KINDS)


def chosen(harnesses: Sequence[Harness], names: Sequence[str]) -> tuple[Harness, ...]:
    """Those of these names in their own order, or all. Raises UsageError for a name that there is not."""
    known = {one.name for one in harnesses}
    for name in names:
        if name not in known:
            raise UsageError(f"no harness is called {name}", f"choose of: {', '.join(NAMES)}")
    return tuple(one for one in harnesses if not names or one.name in names)


def digest(harness: Harness, items: Sequence[Item]) -> str:
    """Equal where the same items are asked: of the files that they come from, and of which they are."""
    found = hashlib.sha256(f"{harness.name}\0{[item.id for item in items]}".encode())
    for source in sorted({item.source for item in items}):
        found.update(Path(source).read_bytes())
    return found.hexdigest()[:16]


def _load(kind: _Kind, folder: Path, own: Path | None) -> Harness:
    file = folder / f"{kind.name}.toml"
    items = _read(kind, file, own=False)
    if own is not None and (own / file.name).is_file():
        items += _read(kind, own / file.name, own=True)
        refuse_duplicates(items, lambda item: item.id, str(own / file.name))
    if kind.measure is Measure.F1 and len({item.positive for item in items}) < 2:
        raise SettingsError(f"{file}: F1 needs items with refuse = true and with refuse = false", f"add them to {file}")
    weight = _SHIP_WEIGHT if kind.gate is Gate.SHIP else _QUALITY_WEIGHT
    return Harness(kind.name, kind.title, kind.gate, kind.measure, kind.limit, weight, kind.looks_up, items)


def _read(kind: _Kind, file: Path, *, own: bool) -> tuple[Item, ...]:
    hint = f"add [[item]] tables to {file}, or leave the harness out: name the others with --harness"
    if not file.is_file():
        raise SettingsError(f"{file}: no such file: the harness {kind.name} has no items", hint)
    tables = read_tables(file, "item", _KEYS | kind.keys, top=_TOP)
    if not tables:
        raise SettingsError(f"{file}: no items: the harness {kind.name} can't be judged", hint)
    items = tuple(_item(kind, table, own=own) for table in tables)
    refuse_duplicates(items, lambda item: item.id, str(file))
    return items


def _item(kind: _Kind, table: Table, *, own: bool) -> Item:
    reading = kind.read(table)
    return Item(
        id=table.text("id"),
        prompt=table.text("prompt"),
        system=table.text("system", "") or reading.system,
        max_tokens=table.number("max_tokens", 96),
        rule=reading.rule,
        reference=table.text("reference"),
        right=table.texts("right") if "right" in table.values else (),
        wrong=table.texts("wrong") if "wrong" in table.values else (),
        positive=reading.positive,
        document=table.text("document", ""),
        source=table.source,
        own=own,
    )


def _check_folder(own: Path) -> None:
    if not own.is_dir():
        raise SettingsError(
            f"evaluation.team_items = '{own}' is no folder", "correct evaluation.team_items in web4.toml"
        )
    for file in sorted(own.glob("*.toml")):
        if file.stem not in NAMES:
            raise SettingsError(
                f"{file}: no harness is called {file.stem}", f"name it after one of: {', '.join(NAMES)}"
            )
