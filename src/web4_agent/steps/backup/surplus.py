"""An end to old backups: which there are, and removing those that newer ones of their reason have made needless.

Called by the night after its own backup and by `backup --prune`.
"""

from collections.abc import Collection
from pathlib import Path

from web4_agent.domain.errors import IntegrityError
from web4_agent.steps.backup.archive import peek
from web4_agent.steps.backup.keep import BackupAge, surplus_backups
from web4_agent.steps.backup.manifest import listed
from web4_agent.storage.atomic import remove_folder


def ages(folder: Path) -> tuple[BackupAge, ...]:
    """The backups in `folder` whose manifest can be read, by file name; a damaged one is for a person to look at."""
    found = []
    for path in listed(folder):
        try:
            manifest = peek(path)
        except IntegrityError:
            continue
        found.append(BackupAge(path.name, manifest.reason, manifest.made_utc))
    return tuple(found)


def remove_surplus(folder: Path, keep: int, hold: Collection[str] = ()) -> tuple[str, ...]:
    """Remove all but the newest `keep` of each reason and what is in `hold`; returns the names."""
    gone = tuple(name for name in surplus_backups(ages(folder), keep) if name not in hold)
    for name in gone:
        remove_backup(folder / name)
    return gone


def remove_backup(path: Path) -> None:
    """In one visible step: half a backup is never seen."""
    if path.is_dir():
        remove_folder(path)
    else:
        path.unlink(missing_ok=True)
