"""Backups: what goes into one, how it is made and checked, and what may go. The night and the command share it."""

from web4_agent.steps.backup.archive import find, opened, pack, peek
from web4_agent.steps.backup.keep import BackupAge, KeepPolicy, Removal, may_go, needed, old_candidates, surplus_backups
from web4_agent.steps.backup.make import ADAPTERS, SETTINGS, BackupOrder, BackupSource, make_backup, needed_bytes
from web4_agent.steps.backup.manifest import MANIFEST, backup_name, listed, read_manifest, verify
from web4_agent.steps.backup.surplus import ages, remove_backup, remove_surplus

__all__ = [
    "ADAPTERS",
    "MANIFEST",
    "SETTINGS",
    "BackupAge",
    "BackupOrder",
    "BackupSource",
    "KeepPolicy",
    "Removal",
    "ages",
    "backup_name",
    "find",
    "listed",
    "make_backup",
    "may_go",
    "needed",
    "needed_bytes",
    "old_candidates",
    "opened",
    "pack",
    "peek",
    "read_manifest",
    "remove_backup",
    "remove_surplus",
    "surplus_backups",
    "verify",
]
