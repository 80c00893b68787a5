"""What backup and restore are made of. Chosen by bootstrap."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.home import Home
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.steps.backup import BackupSource, KeepPolicy
from web4_agent.storage.database import Database


@dataclass(frozen=True, slots=True)
class BackupParts:
    """`settings_text` gives the settings without any secret; `base_model` and `program` are names for the manifest.

    `reached` is called at the points that tests kill the process at; `free_bytes` of the disk that a path is on.
    """

    database: Database
    home: Home
    artefact: str
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    now: Callable[[], datetime]
    settings_text: Callable[[], str] = lambda: ""
    base_model: str = ""
    program: str = ""
    policy: KeepPolicy = field(default_factory=KeepPolicy)
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free

    @property
    def source(self) -> BackupSource:
        return BackupSource(
            self.database,
            self.home,
            self.artefact,
            self.settings_text,
            self.base_model,
            self.program,
            self.policy.adapters,
            self.watcher,
            self.free_bytes,
        )
