"""An end to what nothing needs any more: old adapters, old backups, the candidates of long rejected nights.

An adapter is first recorded as removed, then its folder goes: killed in between, the next call removes the folder.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.domain.adapters import AdapterState
from web4_agent.domain.ids import BASE, AdapterVersion, RunId
from web4_agent.flows.backing_up.parts import BackupParts
from web4_agent.records import adapters, probations, runs
from web4_agent.steps.backup import Removal, ages, may_go, needed, old_candidates, remove_backup
from web4_agent.storage.atomic import remove_folder
from web4_agent.storage.lock import exclusive

DOING = "an end to old backups"
NIGHT = "night"


@dataclass(frozen=True, slots=True)
class Pruned:
    """`kept` says of every other adapter why it stays. `freed_bytes` counts a file that others link to as nothing."""

    adapters: tuple[AdapterVersion, ...]
    kept: dict[AdapterVersion, str]
    backups: tuple[str, ...]
    candidates: tuple[RunId, ...]
    freed_bytes: int


def prune(parts: BackupParts, *, dry_run: bool = False) -> Pruned:
    """Remove it, or with `dry_run` only say what would go.

    Raises BusyError when a night, a backup or a restore runs.
    """
    with (
        exclusive(parts.home.backup_lock, doing=DOING),
        exclusive(parts.home.night_lock, doing=DOING),
        parts.database.exclusive(doing=DOING),
    ):
        with parts.database.read() as connection:
            decided, old = _decide(parts, connection)
            gone = [one.version for one in adapters.every(connection) if one.state is AdapterState.REMOVED]
        folders = [parts.home.adapter(version) for version in (*decided.adapters, *gone)]
        backups = [parts.home.backups / name for name in decided.backups]
        candidates = {run: parts.home.run(run) / "candidates" for run in old}
        freed = sum(_bytes(path) for path in (*folders, *backups, *candidates.values()))
        shown = tuple(run for run, path in candidates.items() if path.is_dir())
        done = Pruned(decided.adapters, decided.kept, decided.backups, shown, freed)
        if dry_run:
            return done
        with parts.database.begin() as connection:
            adapters.set_removed(connection, decided.adapters)
            parts.reached("prune.adapters.committing")
        parts.reached("prune.adapters.committed")
        for folder in folders:
            remove_folder(folder)
        parts.reached("prune.folders.done")
        for path in backups:
            remove_backup(path)
        for path in candidates.values():
            shutil.rmtree(path, ignore_errors=True)
        parts.reached("prune.done")
    return done


def _decide(parts: BackupParts, connection: Connection) -> tuple[Removal, tuple[RunId, ...]]:
    held = adapters.every(connection)
    trial = probations.open_ones(connection)
    on_probation = {version for one in trial for version in (one.adapter, one.previous)} - {BASE}
    kept = needed(held, adapters.read_pointer(connection), parts.policy.adapters, on_probation)
    old = old_candidates(runs.ended(connection, NIGHT), parts.now(), parts.policy.candidate_days)
    return may_go(held, kept, ages(parts.home.backups), parts.policy), old


def _bytes(path: Path) -> int:
    """What removing it gives back."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else []
    return sum(one.stat().st_size for one in files if one.stat().st_nlink == 1)
