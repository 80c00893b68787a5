"""What a forgetting is made of, what is asked of it, what its steps leave, and what it reports.

What stays on record bears no name of a forgotten document: counts, runs, adapters and hashes alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion, ContentHash, DocumentId, RunId
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.runs import RunState
from web4_agent.storage.database import Database


class Replay(StrEnum):
    """What becomes of the nights after the document was trained."""

    NOW = "now"
    LATER = "later"
    """Before the next evening: until then the last adapter without the document serves."""
    NEVER = "never"
    """Their documents wait in the buffer for the next evening, as one large night."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one night came to when it was lived through again."""

    run: RunId
    state: RunState
    serving: AdapterVersion
    sentence: str


Versions = frozenset[tuple[DocumentId, ContentHash]]


@dataclass(frozen=True, slots=True)
class ForgetParts:
    """`replay` runs the night of a day on these versions and no others; this flow holds the night's lock meanwhile.
    `fresh_store` makes an empty vector store at a path, None where removed vectors leave no trace."""

    database: Database
    home: Home
    artefact: str
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    fresh_store: Callable[[Path], VectorStore] | None
    replay: Callable[[date, Versions], Replayed]
    now: Callable[[], datetime]
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """`documents`: paths as the ledger knows them, or file names where those are unambiguous. Without `backups` the
    copies in the home's backups folder stay."""

    documents: tuple[str, ...]
    replay: Replay = Replay.NOW
    backups: bool = True


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """All that would go, and what would be replayed, in about how many seconds."""

    documents: tuple[DocumentId, ...]
    versions: int
    production: AdapterVersion
    target: AdapterVersion
    adapters: tuple[AdapterVersion, ...]
    runs: tuple[RunId, ...]
    queries: int
    backups: tuple[str, ...]
    near_copies: tuple[DocumentId, ...]
    nights: tuple[tuple[RunId, date, int], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Marked:
    """The file with what the document is known by; it goes when everything else has gone."""

    file: Path


@dataclass(frozen=True, slots=True)
class Wiped:
    """What the one transaction did. `target` serves from then on."""

    documents: int
    versions: int
    production: AdapterVersion
    target: AdapterVersion
    adapters: tuple[AdapterVersion, ...]
    runs: tuple[RunId, ...]
    queries: int
    given_up: RunId | None
    """The night that was open, and is not any more."""


@dataclass(frozen=True, slots=True)
class Served:
    version: AdapterVersion


@dataclass(frozen=True, slots=True)
class Embedded:
    chunks: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """Files and folders that went, by kind, and log lines that were struck out."""

    adapters: int
    runs: int
    archives: int
    reports: int
    log_lines: int
    backups: tuple[str, ...]
    backups_kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Swept:
    queries: int


@dataclass(frozen=True, slots=True)
class Compacted:
    bytes_freed: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The last screen of a forgetting. `pending` nights are still to be replayed."""

    run: RunId
    day: date
    wiped: Wiped
    cleared: Cleared
    swept: int
    serving: AdapterVersion
    replayed: tuple[Replayed, ...]
    pending: int
