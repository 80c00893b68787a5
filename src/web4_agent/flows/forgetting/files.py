"""What a forgetting removes outside the ledger: adapters, run folders, archives, reports, log lines, backups.

Every removal may be repeated. Knows the marks of the document and no table.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion, RunId
from web4_agent.flows.forgetting.marks import FILE, Marks
from web4_agent.flows.forgetting.parts import Cleared
from web4_agent.storage.atomic import publish_text, remove_folder
from web4_agent.storage.payload import to_json

PIECE_BYTES = 1 << 20
PACKED = frozenset({".gz", ".zst", ".xz", ".bz2", ".zip", ".tgz", ".7z"})
"""A packed copy can't be looked into: it counts as holding what was known when it was made."""
SPILL = ".jsonl"
TEXT = frozenset({".json", ".jsonl", ".md", ".html", ".log"})


@dataclass(frozen=True, slots=True)
class Doomed:
    """Adapters and runs that go, and the marks by which other files are known to hold the document."""

    marks: Marks
    adapters: tuple[AdapterVersion, ...]
    runs: tuple[RunId, ...]
    own_run: RunId | None = None


def clear(home: Home, doomed: Doomed, *, backups: bool, reached: Callable[[str], None]) -> Cleared:
    """Remove all of it; returns what went. `backups`: those that hold the document, too."""
    adapters = _remove(home.adapter(version) for version in doomed.adapters)
    reached("forget.adapters.removed")
    runs = _clear_runs(home, doomed)
    reached("forget.runs.removed")
    archives = sum(_clear_archive(path, doomed) for path in _files(home.archive) if path.suffix == ".json")
    reports = _remove(path for path in _files(home.reports) if holds(path, doomed))
    reached("forget.archives.rewritten")
    lines = sum(_strike(path, doomed.marks) for path in _files(home.logs))
    reached("forget.logs.rewritten")
    held = holding_backups(home, doomed)
    if backups:
        _remove(held)
    names = tuple(path.name for path in held)
    return Cleared(adapters, runs, archives, reports, lines, names if backups else (), () if backups else names)


def holding_backups(home: Home, doomed: Doomed) -> list[Path]:
    """Backups in the home that hold the document, or an adapter that was taught it."""
    if not home.backups.is_dir():
        return []
    entries = sorted(path for path in home.backups.iterdir() if not path.name.startswith("."))
    return [path for path in entries if path.name in doomed.adapters or any(holds(one, doomed) for one in _files(path))]


def holds(path: Path, doomed: Doomed) -> bool:
    """Whether a file names the document or an adapter that goes. A packed one does when it is younger than the document
    is known."""
    if path.suffix in PACKED:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) >= doomed.marks.since_utc
    if path.suffix in TEXT and doomed.marks.found_in(_plain(path.read_bytes())):
        return True
    sought = [*doomed.marks.known_by, *doomed.adapters]
    escaped = [json.dumps(one)[1:-1] for one in sought]  # as JSON writes what is beyond ASCII
    return _contains(path, {one.encode() for one in (*sought, *escaped)})


def _clear_runs(home: Home, doomed: Doomed) -> int:
    """Folders of the runs that handled it, others that mention it, and kept measurements: they cost minutes."""
    folders = [path for path in home.runs.iterdir() if path.is_dir() and path.name != doomed.own_run]
    gone = [path for path in folders if path.name in doomed.runs or any(holds(one, doomed) for one in _files(path))]
    for measured in home.runs.glob("*.json"):
        measured.unlink()
    return _remove(gone)


def _clear_archive(path: Path, doomed: Doomed) -> int:
    """An archive of a run that goes is removed, of another the entries of the document; returns 1 where one changed."""
    if path.stem in doomed.runs:
        path.unlink()
        return 1
    entries = json.loads(path.read_text(encoding="utf-8"))
    names, hashes = set(doomed.marks.documents), set(doomed.marks.hashes)
    kept = [one for one in entries if one["pdca_id"] not in names and one["content_hash"] not in hashes]
    if len(kept) == len(entries):
        return 0
    publish_text(to_json(kept, indent=1), path) if kept else path.unlink()
    return 1


def _strike(path: Path, marks: Marks) -> int:
    """Take the lines out of a log that name or repeat the document; returns how many.

    In place, as a program that writes the log holds it open; whoever spills queries into it is kept out meanwhile.
    """
    if path.suffix in {".lock", ".holder", ".replay-lock"}:
        return 0
    if path.suffix == SPILL:
        with FileLock(path.with_suffix(".lock"), timeout=10):
            return _rewrite(path, marks)
    return _rewrite(path, marks)


def _rewrite(path: Path, marks: Marks) -> int:
    kept: list[bytes] = []
    struck = 0
    with path.open("rb") as file:
        for line in file:
            if marks.found_in(_plain(line)):
                struck += 1
            else:
                kept.append(line)
    if struck:
        with path.open("r+b") as file:
            file.writelines(kept)
            file.truncate()
    return struck


def _plain(text: bytes) -> str:
    """Words as they were before JSON wrote line breaks and quotes its own way."""
    return text.decode("utf-8", "replace").replace("\\n", "\n").replace('\\"', '"')


def _contains(path: Path, sought: set[bytes]) -> bool:
    """Read in pieces that overlap by the longest of what is sought."""
    overlap = max(map(len, sought), default=1)
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            window = tail + piece
            if any(one in window for one in sought):
                return True
            tail = window[-overlap:]
    return False


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    elif place.is_dir():
        yield from sorted(path for path in place.rglob("*") if path.is_file() and path.name != FILE)


def _remove(paths: Iterator[Path] | Sequence[Path]) -> int:
    """Returns how many were there."""
    gone = 0
    for path in paths:
        if path.is_dir():
            remove_folder(path)
        elif path.exists():
            path.unlink()
        else:
            continue
        gone += 1
    return gone
