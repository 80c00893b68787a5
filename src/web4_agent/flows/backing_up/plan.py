"""What a restore would change, said before it changes anything."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from web4_agent.domain.backups import BackupManifest
from web4_agent.domain.errors import DatabaseError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import ResponseId
from web4_agent.records import adapters, documents
from web4_agent.records.replacement import kept_queries

Change = tuple[AdapterVersion | None, AdapterVersion]


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """`comes`: adapters whose files are put back; `goes`: those that the backup knows nothing of; `removed`: those that
    it knows and whose files are nowhere. Pairs are (now, then); `documents` counts by state.

    `kept_queries` of the log here stay, None where the log is replaced, too; `added_queries` of the backup's log join
    them. `settings` are keys that the backup's file has otherwise: it is left to a person.
    """

    backup: str
    made_utc: datetime
    production: Change
    golden: Change
    documents: tuple[dict[str, int], dict[str, int]]
    comes: tuple[AdapterVersion, ...]
    goes: tuple[AdapterVersion, ...]
    removed: tuple[AdapterVersion, ...]
    kept_queries: int | None
    added_queries: int
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the home stands before; all empty where its ledger names nothing yet."""

    production: AdapterVersion | None = None
    golden: AdapterVersion | None = None
    adapters: tuple[AdapterVersion, ...] = ()
    documents: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staged:
    """The backup made ready: where each adapter lies whole, and its queries that the log here lacks; None: the log is
    not kept."""

    manifest: BackupManifest
    folder: Path
    whole: Mapping[AdapterVersion, Path]
    absent: tuple[ResponseId, ...] | None


def make_plan(here: Connection, other: Connection, staged: Staged, settings: tuple[str, ...]) -> RestorePlan:
    manifest, whole, absent = staged.manifest, staged.whole, staged.absent
    before, pointer = standing(here), adapters.read_pointer(other)
    known = {one.version for one in adapters.every(other)}
    return RestorePlan(
        backup=manifest.name,
        made_utc=manifest.made_utc,
        production=(before.production, pointer.production),
        golden=(before.golden, pointer.golden),
        documents=(before.documents, _counts(other)),
        comes=tuple(version for version, place in whole.items() if staged.folder in place.parents),
        goes=tuple(version for version in before.adapters if version not in known),
        removed=tuple(one for one in (*manifest.adapters, *manifest.missing) if one not in whole),
        kept_queries=None if absent is None else kept_queries(here, other, absent),
        added_queries=len(absent or ()),
        settings=settings,
    )


def standing(here: Connection) -> Standing:
    try:
        pointer = adapters.read_pointer(here)
    except DatabaseError:  # a ledger without a pointer was never used
        return Standing()
    held = tuple(one.version for one in adapters.every(here) if one.version != BASE)
    return Standing(pointer.production, pointer.golden, held, _counts(here))


def changed_settings(before: str, after: str) -> tuple[str, ...]:
    """Keys that two settings files, as text, have differently."""
    old, new = _flat(before), _flat(after)
    return tuple(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def _counts(connection: Connection) -> dict[str, int]:
    return {str(state): count for state, count in documents.states(connection).items()}


def _flat(text: str) -> dict[str, Any]:
    tables = tomllib.loads(text)
    return {f"{name}.{key}": value for name, table in tables.items() for key, value in dict(table).items()}
