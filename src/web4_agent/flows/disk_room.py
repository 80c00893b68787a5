"""Room on the home's disk: people are told before a night finds none. Called as `reporting/drift.py` is."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from web4_agent.domain import tidings
from web4_agent.records import alerts
from web4_agent.storage.database import Database


@dataclass(frozen=True, slots=True)
class DiskRoomParts:
    """`wanted_bytes`: below it people are told; 0: never."""

    database: Database
    folder: Path
    wanted_bytes: int
    now: Callable[[], datetime]
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free


def tell_of_disk(parts: DiskRoomParts) -> bool:
    """Put an alert when there is too little room, every six hours at most; returns whether one is new."""
    if not parts.wanted_bytes:
        return False
    free = parts.free_bytes(parts.folder)
    if free >= parts.wanted_bytes:
        return False
    with parts.database.begin() as connection:
        return alerts.put(connection, tidings.disk_low(free, parts.wanted_bytes, parts.now()))
