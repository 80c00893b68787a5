"""Make a backup while people ask and a night may run; say which there are; read one back."""

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from web4_agent.domain.backups import BackupManifest, BackupReason
from web4_agent.domain.errors import IntegrityError, UsageError
from web4_agent.flows.backing_up.parts import BackupParts
from web4_agent.steps.backup import BackupOrder, backup_name, find, listed, make_backup, opened, pack, peek, verify
from web4_agent.storage.atomic import TEMPORARY_PREFIX
from web4_agent.storage.lock import exclusive

DOING = "a backup"


@dataclass(frozen=True, slots=True)
class MadeBackup:
    path: Path
    manifest: BackupManifest
    seconds: float


@dataclass(frozen=True, slots=True)
class Listed:
    """`manifest` is None, and `trouble` says why, where it can't be read. `size_bytes` is what it takes on its own:
    files that several backups share count in each."""

    path: Path
    manifest: BackupManifest | None
    size_bytes: int
    trouble: str = ""


def back_up(parts: BackupParts, to: Path | None = None, *, archive: bool = False) -> MadeBackup:
    """One new backup below `to` (else the home's own folder), named by the time, as a folder or one `.tar`.

    Raises BusyError when another backup or a restore runs, DiskFullError, IntegrityError when what serves is damaged.
    """
    started, folder = time.monotonic(), to or parts.home.backups
    with exclusive(parts.home.backup_lock, doing=DOING):
        name = _free_name(folder, parts.now())
        if not archive:
            manifest = make_backup(parts.source, BackupOrder(folder / name, BackupReason.COMMAND, parts.now()))
            parts.reached("backup.published.committed")
            return MadeBackup(folder / name, manifest, time.monotonic() - started)
        scratch = folder / f"{TEMPORARY_PREFIX}{name}-packing"
        try:
            make_backup(parts.source, BackupOrder(scratch / name, BackupReason.COMMAND, parts.now()))
            parts.reached("backup.packing")
            out = folder / f"{name}.tar"
            pack(scratch / name, out)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        parts.reached("backup.published.committed")
        return MadeBackup(out, _verified(parts, out), time.monotonic() - started)


def list_backups(folder: Path) -> tuple[Listed, ...]:
    """What backups there are, oldest first. Their files are not read: `check_backup` does."""
    found = []
    for path in listed(folder):
        size = path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in path.rglob("*"))
        try:
            found.append(Listed(path, peek(path), size))
        except IntegrityError as error:
            found.append(Listed(path, None, size, error.message))
    return tuple(sorted(found, key=_age))


def check_backup(parts: BackupParts, name: str) -> Listed:
    """Read a backup back, by name or path. Raises UsageError when there is none, IntegrityError naming the bad file."""
    path = find(name, parts.home.backups)
    manifest = _verified(parts, path)
    return Listed(path, manifest, manifest.size_bytes)


def _verified(parts: BackupParts, path: Path) -> BackupManifest:
    with opened(path, parts.home.backups, parts.free_bytes) as folder:
        return verify(folder, lambda done, total: parts.watcher.advanced("verify", done, total))


def _free_name(folder: Path, now: datetime) -> str:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder", "web4-agent backup --to FOLDER")
    taken = {path.name.removesuffix(".tar") for path in listed(folder)}
    names = (backup_name(now, "" if number == 1 else str(number)) for number in count(1))
    return next(name for name in names if name not in taken)


def _age(one: Listed) -> tuple[float, str]:
    return (one.manifest.made_utc.timestamp() if one.manifest else one.path.stat().st_mtime, one.path.name)
