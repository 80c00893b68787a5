"""Reading and checking a backup. Every file is read back and compared with the hash in the manifest.

Called after a backup was written, by `backup --verify`, by restore before it touches anything, and by the doctor.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from web4_agent.domain.backups import FORMAT, BackedUpFile, BackupManifest
from web4_agent.domain.errors import IntegrityError
from web4_agent.domain.ids import ContentHash
from web4_agent.storage.artifacts import hash_file, hash_text
from web4_agent.storage.payload import from_json, to_json
from web4_agent.storage.snapshot import FILE, check_sqlite

MANIFEST = "MANIFEST.json"
MAX_MANIFEST_BYTES = 16_000_000
HINT = "web4-agent backup --list"


def listed(folder: Path) -> tuple[Path, ...]:
    """What in `folder` looks like a backup, oldest name first; whether it is whole is not looked at."""
    if not folder.is_dir():
        return ()
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return tuple(path for path in entries if (path / MANIFEST).is_file() or (path.is_file() and path.suffix == ".tar"))


def backup_name(made_utc: datetime, tag: str = "") -> str:
    """`20260302T220000Z`, and what it was made for."""
    return f"{made_utc:%Y%m%dT%H%M%SZ}{'-' if tag else ''}{tag}"


def seal(manifest: BackupManifest) -> BackupManifest:
    return replace(manifest, seal=_seal_of(manifest))


def read_manifest(folder: Path) -> BackupManifest:
    """Raises IntegrityError when `folder` is no backup of this program or its manifest was changed."""
    file = folder / MANIFEST
    if not file.is_file() or file.stat().st_size > MAX_MANIFEST_BYTES:
        raise IntegrityError(f"{folder} is no backup: it has no {MANIFEST}", HINT)
    return parse_manifest(file.read_bytes(), file)


def parse_manifest(content: bytes, where: Path) -> BackupManifest:
    """Raises IntegrityError, naming `where` it was read."""
    try:
        manifest = from_json(BackupManifest, content.decode())
    except (IntegrityError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{where}: no manifest of a backup, or a damaged one", HINT) from error
    if manifest.format != FORMAT:
        raise IntegrityError(f"{where} is of another form: {manifest.format!r}", "pip install --upgrade web4-agent")
    if manifest.seal != _seal_of(manifest):
        raise IntegrityError(f"{where} was changed after the backup was made", HINT)
    return manifest


def verify(folder: Path, advanced: Callable[[int, int], None] = lambda done, total: None) -> BackupManifest:
    """Read every file back. `advanced` is told bytes done and in all.

    Raises IntegrityError naming the first file that is missing, damaged, or not of the backup.
    """
    manifest = read_manifest(folder)
    _refuse_strangers(folder, manifest.files)
    done = 0
    for entry in manifest.files:
        _check(folder / entry.path, entry)
        done += entry.size_bytes
        advanced(done, manifest.size_bytes)
    if (folder / FILE).is_file():
        check_sqlite(folder / FILE)
    return manifest


def entries(folder: Path) -> tuple[BackedUpFile, ...]:
    """Every file below `folder` but the manifest, with its hash and size."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return tuple(
        BackedUpFile(path.relative_to(folder).as_posix(), hash_file(path), path.stat().st_size) for path in files
    )


def _refuse_strangers(folder: Path, files: Sequence[BackedUpFile]) -> None:
    """Nothing out of the folder, no link, and no file that the manifest does not name."""
    named = {entry.path for entry in files} | {MANIFEST}
    for entry in files:
        pure = PurePosixPath(entry.path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in entry.path:
            raise IntegrityError(f"the manifest of {folder} names a file outside of it: {entry.path}", HINT)
    for path in folder.rglob("*"):
        if path.is_symlink() or (path.is_file() and path.relative_to(folder).as_posix() not in named):
            raise IntegrityError(f"{path} is not a file of this backup", f"move {path} away, then run again")


def _check(path: Path, entry: BackedUpFile) -> None:
    if not path.is_file():
        raise IntegrityError(f"{path} is missing from the backup", HINT)
    _forget_cached(path)
    if path.stat().st_size != entry.size_bytes or hash_file(path) != entry.sha256:
        raise IntegrityError(f"{path} is damaged: it is not what was backed up", HINT)


def _forget_cached(path: Path) -> None:
    """Ask the system to read the disk and not its memory of what was just written, where it can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _seal_of(manifest: BackupManifest) -> ContentHash:
    return hash_text(to_json(replace(manifest, seal=ContentHash(""))))
