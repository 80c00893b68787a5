"""The ledger that a restore will bring in, made ready beside the one that is in use: nobody sees it until it is whole.

Called by restore. What can't be true after a restore is settled here: nights that were under way are ended, adapters
whose files are nowhere are recorded as removed.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.backups import BackupManifest
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.runs import RunState
from web4_agent.records import adapters, documents, runs
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.atomic import TEMPORARY_PREFIX
from web4_agent.storage.database import Database
from web4_agent.storage.migrations import migrate
from web4_agent.storage.snapshot import read_snapshot


@contextmanager
def staged_ledger(folder: Path, manifest: BackupManifest, home: Home) -> Iterator[Database]:
    """The backup's ledger as a database of the newest schema, removed afterwards."""
    file = home.backups / f"{TEMPORARY_PREFIX}restore.db"
    _remove(file)
    database = read_snapshot(folder, manifest.schema, file)
    try:
        migrate(database)
        yield database
    finally:
        database.close()
        _remove(file)


def whole_adapters(connection: Connection, places: Collection[Path], artefact: str) -> dict[AdapterVersion, Path]:
    """Where each promoted adapter of a ledger lies whole: the first of `places` that holds it so."""
    found: dict[AdapterVersion, Path] = {}
    for adapter in adapters.every(connection):
        if adapter.state is AdapterState.PROMOTED and adapter.version != BASE:
            folder = next((place / adapter.version for place in places if _whole(place, adapter, artefact)), None)
            if folder is not None:
                found[adapter.version] = folder
    return found


def settle(staged: Database, whole: Collection[AdapterVersion], name: str, now: datetime) -> None:
    """End what was under way when the backup was made, and record adapters that are nowhere as removed."""
    with staged.begin() as connection:
        for run in runs.open_runs(connection):
            documents.release(connection, run.id, f"{run.id} was under way when {name} was made")
            runs.end(connection, run.id, RunState.FAILED, now)
        held = [one.version for one in adapters.every(connection) if one.version != BASE]
        adapters.set_removed(connection, [version for version in held if version not in whole])


def _whole(place: Path, adapter: Adapter, artefact: str) -> bool:
    file = place / adapter.version / artefact
    return file.is_file() and hash_file(file) == adapter.artefact_hash


def _remove(file: Path) -> None:
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()
