"""Publishing files and folders so that a reader sees all of one or none of it, also after a power cut.

Called by every backend and flow that leaves something on disk. Knows nothing of what it publishes.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from web4_agent.domain.errors import DiskFullError, HomeError

TEMPORARY_PREFIX = ".tmp-"


def publish_folder(build: Callable[[Path], object], out: Path) -> None:
    """Let `build` fill a fresh folder, then put it at `out` in one step.

    Durable: every file and folder is fsynced before the rename, the parent after it. If `out` exists already it is left
    untouched and `build` is not called: a published folder is immutable, so publishing it again is no error.
    A crash leaves at most a `.tmp-…` folder beside `out`, which the next publish of the same name replaces.

    Raises DiskFullError or HomeError naming the folder; whatever `build` raises passes.
    """
    temporary = _temporary(out)
    with translated_os_errors(out):
        if out.exists():
            sync_folder(out.parent)  # who put it there may have been killed before that
            return
        make_folder(out.parent)
        _remove(temporary)
        temporary.mkdir()
        try:
            build(temporary)
            _sync_tree(temporary)
            temporary.replace(out)
        finally:
            _remove(temporary)
        sync_folder(out.parent)


def publish_file(write: Callable[[Path], object], out: Path) -> None:
    """Let `write` make a file at the path it is given, then put it at `out` in one step, replacing what was there."""
    temporary = _temporary(out)
    with translated_os_errors(out):
        make_folder(out.parent)
        temporary.unlink(missing_ok=True)  # of a killed publish: not every writer writes over what is there
        try:
            write(temporary)
            _sync_file(temporary)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(out.parent)


def publish_text(text: str, out: Path) -> None:
    publish_file(lambda path: _write(path, text), out)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; their names outlive a power cut. One that is there is left."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder in one visible step: it is renamed first. One that is not there is no error."""
    temporary = _temporary(folder)
    _remove(temporary)
    try:
        folder.replace(temporary)
    except FileNotFoundError:
        return
    sync_folder(folder.parent)
    _remove(temporary)


def leftovers(parent: Path) -> tuple[Path, ...]:
    """What killed publishes left in `parent`, sorted by name."""
    if not parent.is_dir():
        return ()
    return tuple(sorted(path for path in parent.iterdir() if path.name.startswith(TEMPORARY_PREFIX)))


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable. Windows can't open folders and needs no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def translated_os_errors(target: Path) -> Iterator[None]:
    """Turn 'no space' and 'not writable' into errors that name `target`; other errors pass.

    The safetensors library tells of the system's error in words alone: they are read for its number.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = error.errno if isinstance(error, OSError) else _number_in(str(error))
        if number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise DiskFullError(
                f"no space left to write {target}",
                f"free some space on that disk (df -h {target.parent}), then run again",
            ) from error
        if number in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT}:
            raise HomeError(
                f"{target} is not writable", "make it writable, or choose another home with --home or WEB4_HOME"
            ) from error
        raise


def _number_in(text: str) -> int | None:
    found = re.search(r"os error (\d+)", text)
    return int(found[1]) if found else None


def _temporary(out: Path) -> Path:
    return out.parent / f"{TEMPORARY_PREFIX}{out.name}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_tree(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for name in files:
            _sync_file(Path(parent) / name)
        sync_folder(Path(parent))


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
