"""A disk that loses power: it keeps what was synced, and nothing else.

The model is the strictest that POSIX allows. A file holds the bytes it had at its last fsync, none if it never had one;
a folder lists the names it had at its last fsync, so that renames, new names and removals since are undone. A database
is what it has committed: it syncs by itself, with `synchronous=FULL`, which a test of this folder holds it to.
"""

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

LEDGER = "ledger.db"


class Disk:
    """Watches every fsync below `root` from now on; what is there now counts as synced."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._files: dict[int, bytes] = {}
        self._names: dict[int, dict[str, tuple[int, bool]]] = {}
        self._open: list[int] = []
        self.syncs = 0
        patch.setattr(os, "fsync", self._synced)
        self._take_stock()

    def cut(self) -> None:
        """Leave below the root what a power cut would have left. Nothing may have it open."""
        found = dict(self._listed(self._root.stat().st_ino, Path()))
        ledger = self._committed()
        for path in self._root.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, data in found.items():
            if data is None:
                (self._root / name).mkdir(parents=True, exist_ok=True)
            elif not str(name).startswith(LEDGER):
                (self._root / name).write_bytes(data)
        if ledger:
            (self._root / LEDGER).write_bytes(ledger)
        self.close()
        self._take_stock()

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open, self._files, self._names = [], {}, {}

    def _synced(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        self.syncs += 1
        self._open.append(os.dup(descriptor))  # else the number of a removed file would be given to another
        if stat.S_ISDIR(found.st_mode):
            with os.scandir(descriptor) as entries:
                self._names[found.st_ino] = {one.name: (one.inode(), one.is_dir()) for one in entries}
        else:
            self._files[found.st_ino] = os.pread(descriptor, found.st_size, 0) if found.st_size else b""

    def _take_stock(self) -> None:
        for folder, _, files in os.walk(self._root):
            for path in (Path(folder), *(Path(folder) / name for name in files)):
                descriptor = os.open(path, os.O_RDONLY)
                self._synced(descriptor)
                os.close(descriptor)
        self.syncs = 0

    def _listed(self, folder: int, at: Path) -> list[tuple[Path, bytes | None]]:
        """What lies below a folder after the cut, folders as None, each before what is in it."""
        found: list[tuple[Path, bytes | None]] = []
        for name, (number, is_folder) in self._names.get(folder, {}).items():
            if is_folder:
                found += [(at / name, None), *self._listed(number, at / name)]
            else:
                found.append((at / name, self._files.get(number, b"")))
        return found

    def _committed(self) -> bytes:
        """The ledger as SQLite reads it from its file and its write-ahead log."""
        if not (self._root / LEDGER).exists():
            return b""
        with closing(sqlite3.connect(self._root / LEDGER)) as ledger:
            return ledger.serialize()
