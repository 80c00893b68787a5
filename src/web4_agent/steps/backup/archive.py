"""A backup as one `.tar` file, and the folder in it again.

Called by `backup --archive` and by all that takes a backup by its path. Nothing of an archive is trusted: only plain
files and folders below its one root are taken out, and never more than there is room for.
"""

import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from web4_agent.domain.backups import BackupManifest
from web4_agent.domain.errors import DiskFullError, IntegrityError, UsageError
from web4_agent.steps.backup.manifest import HINT, MANIFEST, MAX_MANIFEST_BYTES, listed, parse_manifest, read_manifest
from web4_agent.storage.atomic import TEMPORARY_PREFIX, publish_file, translated_os_errors

SUFFIX = ".tar"


def pack(folder: Path, out: Path) -> None:
    """Write the backup `folder` as the archive `out`, in one step. Uncompressed: weights don't get smaller."""

    def write(path: Path) -> None:
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            archive.add(folder, folder.name, filter=_nobodys)

    publish_file(write, out)


def find(name: str, backups: Path) -> Path:
    """A backup by its name among `backups`, or by its path. Raises UsageError when there is none."""
    for place in (backups / name, backups / f"{name}{SUFFIX}", Path(name).expanduser().absolute()):
        if place in listed(place.parent):
            return place
    raise UsageError(f"there is no backup {name}", HINT)


def peek(path: Path) -> BackupManifest:
    """The manifest of a backup, folder or archive, its files unread. Raises IntegrityError."""
    if path.is_dir():
        return read_manifest(path)
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile() and member.name.split("/")[1:] == [MANIFEST] and member.size <= MAX_MANIFEST_BYTES:
                    file = archive.extractfile(member)
                    assert file is not None
                    return parse_manifest(file.read(), path)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise IntegrityError(f"{path} is no whole archive: {error}", HINT) from error
    raise IntegrityError(f"{path} is no backup: it has no {MANIFEST}", HINT)


@contextmanager
def opened(
    path: Path, scratch: Path, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> Iterator[Path]:
    """The backup as a folder: itself, or what is taken out of an archive into `scratch` while the body runs.

    Raises IntegrityError when the archive is damaged or holds what no backup holds, DiskFullError before unpacking.
    """
    if path.is_dir():
        yield path
        return
    out = scratch / f"{TEMPORARY_PREFIX}{path.stem}"
    if path.stat().st_size > free_bytes(scratch):
        raise DiskFullError(f"no room to unpack {path} in {scratch}", f"free some space on that disk (df -h {scratch})")
    shutil.rmtree(out, ignore_errors=True)
    try:
        with translated_os_errors(out):
            yield _unpack(path, out)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _unpack(path: Path, out: Path) -> Path:
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
            strange = [one.name for one in members if not (one.isfile() or one.isdir())]
            if strange:
                raise IntegrityError(f"{path} holds {strange[0]}, which is no plain file", HINT)
            archive.extractall(out, members, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise IntegrityError(f"{path} is no whole archive: {error}", HINT) from error
    roots = sorted(out.iterdir()) if out.is_dir() else []
    if len(roots) != 1:
        raise IntegrityError(f"{path} is no backup: it holds {len(roots)} folders and not one", HINT)
    return roots[0]


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Names of this machine's people are nobody's business elsewhere."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
