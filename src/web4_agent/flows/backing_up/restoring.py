"""Restore a backup into a home, while its gateway serves.

    verify -> stage -> keep what is replaced -> adapters -> ledger, in one transaction -> what follows the ledger

Until that transaction the home is the old one, from it on the new one; the rest only follows. A restore that was killed
is ended by the same command: every step may be repeated. The ledger's rows are replaced inside the database that others
hold open, never its file: their next look sees the new rows.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.domain.backups import BackupManifest, BackupReason
from web4_agent.domain.errors import BusyError, DiskFullError, IntegrityError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.runs import RunState
from web4_agent.flows.backing_up.parts import BackupParts
from web4_agent.flows.backing_up.plan import RestorePlan, Staged, changed_settings, make_plan, standing
from web4_agent.flows.backing_up.staging import settle, staged_ledger, whole_adapters
from web4_agent.records import adapters, runs
from web4_agent.records.replacement import (
    RESTORE,
    absent_queries,
    forgotten_documents,
    is_forgetting,
    replace_ledger,
)
from web4_agent.steps.backup import ADAPTERS, SETTINGS, BackupOrder, backup_name, find, listed, make_backup, opened
from web4_agent.steps.backup import verify as verify_backup
from web4_agent.steps.projection import synchronise
from web4_agent.steps.promote import converge
from web4_agent.storage.atomic import publish_folder, remove_folder
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive
from web4_agent.storage.migrations import knows_schema, migrate
from web4_agent.storage.snapshot import is_damaged

DOING = "a restore"
LEDGER_COPIES = 3
"""The staged one, the rows written, and the write-ahead log that holds them until it is emptied."""


@dataclass(frozen=True, slots=True)
class Restored:
    """`safety` is the backup of what was there before, empty for a dry run and where there was nothing to keep;
    `damaged` is where a ledger was put that could not be read."""

    plan: RestorePlan
    safety: str = ""
    damaged: str = ""
    rows: int = 0
    chunks_written: int = 0


def restore(parts: BackupParts, name: str, *, keep_log: bool = True, dry_run: bool = False) -> Restored:
    """Make the home what it was when the backup `name` (or a path) was made.

    With `keep_log` queries and feedback logged since stay. Every hash is checked before anything is touched.

    Raises UsageError when there is no such backup; IntegrityError when it is damaged, of another base model or of a
    newer program, or when it would bring back what was forgotten; DiskFullError; BusyError when a night, a backup or a
    forgetting runs. A ledger that can't be read is put aside, but for a dry run, which raises DatabaseError.
    """
    path = find(name, parts.home.backups)
    with (
        exclusive(parts.home.backup_lock, doing=DOING),
        exclusive(parts.home.night_lock, doing=DOING),
        opened(path, parts.home.backups, parts.free_bytes) as folder,
    ):
        manifest = verify_backup(folder, lambda done, total: parts.watcher.advanced("verify", done, total))
        _refuse_newer(folder, manifest)
        _require_room(parts, manifest)
        parts.reached("restore.verified")
        aside = "" if dry_run else _put_damaged_aside(parts)
        migrate(parts.database)
        with parts.database.exclusive(doing=DOING), staged_ledger(folder, manifest, parts.home) as ledger:
            return _Restore(parts, folder, manifest, ledger, keep_log).go(aside, dry_run=dry_run)


@dataclass(slots=True)
class _Restore:
    parts: BackupParts
    folder: Path
    manifest: BackupManifest
    ledger: Database
    keep_log: bool

    def go(self, damaged: str, *, dry_run: bool) -> Restored:
        staged, plan = self._stage()
        self.parts.reached("restore.staged")
        if dry_run:
            return Restored(plan)
        safety = self._keep_what_is_replaced(plan)
        self.parts.reached("restore.kept")
        for version, place in staged.whole.items():
            self._publish(version, place)
        self.parts.reached("restore.adapters.done")
        rows = self._replace(staged)
        self.parts.reached("restore.ledger.committed")
        written = self._let_follow()
        self.parts.reached("restore.done")
        return Restored(plan, safety, damaged, rows, written)

    def _stage(self) -> tuple[Staged, RestorePlan]:
        with self.ledger.read() as other:
            places = (self.parts.home.adapters, self.folder / ADAPTERS)
            whole = whole_adapters(other, places, self.parts.artefact)
        settle(self.ledger, whole, self.manifest.name, self.parts.now())
        file = self.folder / SETTINGS
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        changed = changed_settings(before, self.parts.settings_text())
        with self.ledger.read() as other, self.parts.database.read() as here:
            self._refuse(here, other)
            absent = absent_queries(here, other) if self.keep_log else None
            staged = Staged(self.manifest, self.folder, whole, absent)
            return staged, make_plan(here, other, staged, changed)

    def _refuse(self, here: Connection, other: Connection) -> None:
        base = adapters.get(here, BASE)
        if base is not None and self.manifest.base_hash != base.weights_hash:
            model = self.manifest.base_model or "unnamed"
            raise IntegrityError(
                f"{self.folder} is of another base model, {model}: its adapters don't fit this home's",
                "restore it into a home that was made with that model: web4-agent init --model",
            )
        if is_forgetting(here):
            raise BusyError("a forgetting was begun and has not ended", "type the same web4-agent forget again")
        if count := forgotten_documents(here, other):
            raise IntegrityError(
                f"{self.folder} would bring back {count} documents that were forgotten since it was made",
                "web4-agent backup --list, and choose one that was made later",
            )

    def _keep_what_is_replaced(self, plan: RestorePlan) -> str:
        """A backup of the home as it stands, so that a restore can be undone by another; with all that is to go."""
        if plan.production[0] is None:
            return ""
        now = self.parts.now()
        name = backup_name(now, BackupReason.BEFORE_RESTORE)
        order = BackupOrder(self.parts.home.backups / name, BackupReason.BEFORE_RESTORE, now, plan.goes)
        return make_backup(self.parts.source, order).name

    def _publish(self, version: AdapterVersion, place: Path) -> None:
        """Put an adapter back; one that is there and damaged makes room first."""
        out = self.parts.home.adapter(version)
        if place != out:
            remove_folder(out)
            publish_folder(lambda folder: _copy(place, folder), out)

    def _replace(self, staged: Staged) -> int:
        """The one transaction from which on the home is the new one."""
        now, why = self.parts.now(), f"restored from {self.manifest.name}"
        with self.ledger.read() as other, self.parts.database.begin() as here:
            before = standing(here).production
            done = replace_ledger(here, other, keep_log=self.keep_log, missing=staged.absent or ())
            adapters.note_move(here, before, self.manifest.production, why, now)
            run = runs.start(here, RESTORE, now.date(), now)
            runs.end(here, run.id, RunState.DONE, now)
            self.parts.reached("restore.ledger.committing")
        return done.rows

    def _let_follow(self) -> int:
        """What serves and the vectors follow the ledger, and adapters that it does not know leave the home."""
        with self.parts.database.read() as connection:
            production = adapters.get(connection, adapters.read_pointer(connection).production)
            known = {str(one.version) for one in adapters.every(connection)}
        assert production is not None, "the pointer's foreign key"
        converge(production, self.parts.home, self.parts.artefact)
        self.parts.reached("restore.converged")
        store = self.parts.open_store()
        try:
            written = synchronise(
                self.parts.database,
                store,
                self.parts.embedder(),
                lambda done, total: self.parts.watcher.advanced("vectors", done, total),
                reached=lambda point: self.parts.reached(f"restore.{point}"),
            )
        finally:
            store.close()
        for folder in self.parts.home.adapters.iterdir():
            if folder.name not in known and self._is_kept(folder.name):
                remove_folder(folder)
        return written

    def _is_kept(self, version: str) -> bool:
        """Whether a backup holds it: of a restore that was killed, perhaps an earlier one than ours."""
        return any((path / ADAPTERS / version).is_dir() for path in listed(self.parts.home.backups))


def _refuse_newer(folder: Path, manifest: BackupManifest) -> None:
    if not knows_schema(manifest.schema):
        raise IntegrityError(
            f"{folder} was made by a newer version: its ledger is of schema {manifest.schema}",
            "pip install --upgrade web4-agent",
        )


def _require_room(parts: BackupParts, manifest: BackupManifest) -> None:
    ledger = sum(file.size_bytes for file in manifest.files if not file.path.startswith(f"{ADAPTERS}/"))
    wanted = manifest.size_bytes + (LEDGER_COPIES - 1) * ledger
    if wanted > (free := parts.free_bytes(parts.home.root)):
        raise DiskFullError(
            f"the restore needs {wanted / 1e6:,.0f} MB, but {parts.home.root} has {free / 1e6:,.0f} MB free",
            f"free some space on that disk (df -h {parts.home.root}), then run again",
        )


def _put_damaged_aside(parts: BackupParts) -> str:
    """Move a SQLite ledger that can't be read out of the way; returns where to. A person may still want to mend it."""
    if not is_damaged(parts.database):
        return ""
    parts.database.close()
    aside = parts.home.backups / f"damaged-{backup_name(parts.now())}"
    aside.mkdir(parents=True)
    for path in sorted(parts.home.ledger.parent.glob(f"{parts.home.ledger.name}*")):
        path.replace(aside / path.name)
    parts.reached("restore.aside")
    return str(aside)


def _copy(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
