"""A backup: one folder that holds all that a home can't make again, and the manifest that says what is in it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from web4_agent.domain.ids import AdapterVersion, ContentHash

FORMAT = "web4-agent backup 1"


class BackupReason(StrEnum):
    """Why a backup was made; the newest few of each are kept."""

    COMMAND = "command"
    NIGHT = "night"
    BEFORE_RESTORE = "before-restore"
    """What a restore replaced: restoring it undoes that restore."""


@dataclass(frozen=True, slots=True)
class BackedUpFile:
    """`path` relative to the backup's folder, in POSIX form."""

    path: str
    sha256: ContentHash
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """`MANIFEST.json` of a backup. `missing` are adapters that should be in it and were whole nowhere.

    `schema` is the ledger's migration; `base_hash` the hash of the base model's file that serves and `embedder_hash` of
    the embedder's folder: neither is copied. `seal` is the SHA-256 of the manifest itself with an empty seal.
    """

    format: str
    name: str
    reason: BackupReason
    made_utc: datetime
    program: str
    schema: str
    production: AdapterVersion
    golden: AdapterVersion
    previous: AdapterVersion | None
    adapters: tuple[AdapterVersion, ...]
    missing: tuple[AdapterVersion, ...]
    documents: dict[str, int]
    base_model: str
    base_hash: ContentHash | None
    embedder_hash: ContentHash | None
    files: tuple[BackedUpFile, ...]
    seal: ContentHash

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)
