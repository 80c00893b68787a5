"""Backup, restore, and an end to what nothing needs any more; all while the gateway serves."""

from web4_agent.flows.backing_up.making import Listed, MadeBackup, back_up, check_backup, list_backups
from web4_agent.flows.backing_up.parts import BackupParts
from web4_agent.flows.backing_up.plan import RestorePlan
from web4_agent.flows.backing_up.pruning import Pruned, prune
from web4_agent.flows.backing_up.restoring import Restored, restore

__all__ = [
    "BackupParts",
    "Listed",
    "MadeBackup",
    "Pruned",
    "RestorePlan",
    "Restored",
    "back_up",
    "check_backup",
    "list_backups",
    "prune",
    "restore",
]
