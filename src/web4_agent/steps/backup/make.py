"""Making a backup: the ledger as it is at one moment, and the adapters that this ledger may need to serve.

Called by the night before it trains, by `backup`, and by restore before it replaces anything. Others may serve
and write meanwhile. Knows no lock and no settings.
"""

import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from web4_agent.domain.adapters import Adapter, Pointer
from web4_agent.domain.backups import FORMAT, BackupManifest, BackupReason
from web4_agent.domain.errors import DiskFullError, IntegrityError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.records import adapters, documents
from web4_agent.records.tables import every_table
from web4_agent.steps.backup.keep import needed
from web4_agent.steps.backup.manifest import MANIFEST, entries, listed, seal, verify
from web4_agent.storage.artifacts import hash_file, hash_folder
from web4_agent.storage.atomic import publish_folder, remove_folder
from web4_agent.storage.database import Database
from web4_agent.storage.migrations import schema_of
from web4_agent.storage.payload import to_json
from web4_agent.storage.snapshot import ledger_bytes, write_snapshot

T = TypeVar("T")
ADAPTERS = "adapters"
SETTINGS = "web4.toml"
SERVING = "serving.json"
WEIGHTS = "adapter_model.safetensors"
"""As PEFT names them."""
SPARE_BYTES = 64_000_000
"""Left free beside a backup: a full disk would stop the gateway's log, too."""


@dataclass(frozen=True, slots=True)
class BackupSource:
    """What is backed up. `settings_text` gives the settings without any secret; `last`: how many promoted adapters.

    `free_bytes` of the disk that a path is on.
    """

    database: Database
    home: Home
    artefact: str
    settings_text: Callable[[], str] = lambda: ""
    base_model: str = ""
    program: str = ""
    last: int = 5
    watcher: Watcher = field(default_factory=Unwatched)
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free


@dataclass(frozen=True, slots=True)
class BackupOrder:
    """What is asked for. `also` are adapters to hold besides those that the ledger may need."""

    out: Path
    reason: BackupReason
    now: datetime
    also: tuple[AdapterVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the copy says, not the ledger, which may have moved on meanwhile."""

    schema: str
    pointer: Pointer
    adapters: list[Adapter]
    documents: dict[str, int]


def make_backup(source: BackupSource, order: BackupOrder) -> BackupManifest:
    """Publish a backup in one step, then read it back; one that is there whole is left as it is.

    Raises DiskFullError before anything is written, IntegrityError when the adapter that serves is not the one that was
    judged, or when what was written reads back differently: then it is removed.
    """
    out = order.out
    if out.exists():
        try:
            return verify(out)
        except IntegrityError:
            remove_folder(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    _require_room(source, out)
    publish_folder(lambda folder: _fill(source, folder, order), out)
    try:
        return _watched(source, "verify", lambda tell: verify(out, tell))
    except IntegrityError:
        remove_folder(out)
        raise


def needed_bytes(source: BackupSource) -> int:
    """How large a backup would be at most, were no file of it there yet."""
    with source.database.read() as connection:
        wanted = _wanted(adapters.every(connection), adapters.read_pointer(connection), source.last, ())
    folders = [source.home.adapter(one.version) for one in wanted]
    files = [path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_file()]
    return ledger_bytes(source.database) + sum(path.stat().st_size for path in files)


def _require_room(source: BackupSource, out: Path) -> None:
    wanted, free = needed_bytes(source) + SPARE_BYTES, source.free_bytes(out.parent)
    if wanted > free:
        raise DiskFullError(
            f"a backup needs {wanted / 1e6:,.0f} MB, but {out.parent} has {free / 1e6:,.0f} MB free",
            "web4-agent backup --prune, or choose another disk with --to",
        )


def _fill(source: BackupSource, folder: Path, order: BackupOrder) -> None:
    seen = _watched(source, "ledger", lambda _: write_snapshot(source.database, every_table(), folder, _look))
    wanted = _wanted(seen.adapters, seen.pointer, source.last, order.also)
    older = [path / ADAPTERS for path in reversed(listed(order.out.parent)) if path.is_dir()]
    missing = _watched(source, "adapters", lambda tell: _copy_adapters(source, wanted, folder / ADAPTERS, older, tell))
    if seen.pointer.production in missing:
        place = source.home.adapter(seen.pointer.production)
        raise IntegrityError(f"{place} is missing or not what was judged, but it serves", "web4-agent doctor --fix")
    (folder / SETTINGS).write_text(source.settings_text(), encoding="utf-8")
    if source.home.serving.is_file():
        shutil.copyfile(source.home.serving, folder / SERVING)
    embedder = source.home.embedder_model
    manifest = BackupManifest(
        format=FORMAT,
        name=order.out.name,
        reason=order.reason,
        made_utc=order.now,
        program=source.program,
        schema=seen.schema,
        production=seen.pointer.production,
        golden=seen.pointer.golden,
        previous=seen.pointer.previous,
        adapters=tuple(one.version for one in wanted if one.version not in missing),
        missing=missing,
        documents=seen.documents,
        base_model=source.base_model,
        base_hash=next((one.weights_hash for one in seen.adapters if one.version == BASE), None),
        embedder_hash=hash_folder(embedder) if embedder.is_dir() else None,
        files=entries(folder),
        seal=ContentHash(""),
    )
    (folder / MANIFEST).write_text(to_json(seal(manifest), indent=1), encoding="utf-8")


def _look(connection: Connection) -> _Seen:
    counts = {str(state): count for state, count in documents.states(connection).items()}
    return _Seen(schema_of(connection), adapters.read_pointer(connection), adapters.every(connection), counts)


def _wanted(held: Iterable[Adapter], pointer: Pointer, last: int, also: Collection[AdapterVersion]) -> list[Adapter]:
    known = {one.version: one for one in held}
    versions = [*needed(list(known.values()), pointer, last), *also]
    return [known[version] for version in dict.fromkeys(versions) if version in known]


def _copy_adapters(
    source: BackupSource, wanted: list[Adapter], out: Path, older: list[Path], tell: Callable[[int, int], None]
) -> tuple[AdapterVersion, ...]:
    """Copy each adapter; returns those that are whole neither in the home nor in an older backup.

    An adapter never changes, so what an older backup holds whole is linked and takes no room again. Never linked to the
    home: a backup must outlive what happens to the file that serves.
    """
    out.mkdir()
    missing: list[AdapterVersion] = []
    for number, adapter in enumerate(wanted):
        name = adapter.version
        places = [place / name for place in older] + [source.home.adapter(name)]
        whole = next((place for place in places if _is_whole(place, adapter, source.artefact)), None)
        if whole is None:
            missing.append(name)
        else:
            shutil.copytree(whole, out / name, copy_function=shutil.copyfile if whole is places[-1] else _link)
        tell(number + 1, len(wanted))
    return tuple(missing)


def _is_whole(folder: Path, adapter: Adapter, artefact: str) -> bool:
    wanted = {artefact: adapter.artefact_hash, WEIGHTS: adapter.weights_hash}
    return all(
        (folder / name).is_file() and (expected is None or hash_file(folder / name) == expected)
        for name, expected in wanted.items()
    )


def _link(held: str, copy: str) -> None:
    try:
        os.link(held, copy)
    except OSError:  # another disk, or one that has no links
        shutil.copyfile(held, copy)


def _watched(source: BackupSource, step: str, work: Callable[[Callable[[int, int], None]], T]) -> T:
    source.watcher.started(step)
    started = time.monotonic()
    outcome = work(lambda done, total: source.watcher.advanced(step, done, total))
    source.watcher.finished(step, time.monotonic() - started)
    return outcome
