"""References: a team's process documents and source files into the ledger and their collections.

Idempotent by content hash: an unchanged file costs its reading, an edited one replaces its former self, one that is
gone leaves; nothing of it is ever trained. A file with a secret is rejected and named, and leaves if it was in. The
vectors follow the ledger.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.documents import Chunk, Rejection, RejectionReason
from web4_agent.domain.errors import JournalError, UsageError
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.records import references, rejections
from web4_agent.records.references import Reference
from web4_agent.records.rejections import RejectionRow
from web4_agent.steps.journal.secrets import find_secrets
from web4_agent.steps.projection import COMPONENTS, PROCESS_DOCS, synchronise
from web4_agent.steps.references import (
    MAX_BYTES,
    MAX_FILES,
    SOURCE_SUFFIXES,
    TEXT_SUFFIXES,
    Discovered,
    FoundFile,
    Source,
    chunk_source,
    find_files,
    read_file,
)
from web4_agent.steps.references.entries import put_reference, remove_references
from web4_agent.storage.database import Database

BATCH = 32
GONE_CHECK_FROM = 10
"""From this many known files on, more than half of them gone at once looks like a disk that is not mounted."""

SUFFIXES = {PROCESS_DOCS: TEXT_SUFFIXES, COMPONENTS: SOURCE_SUFFIXES}
_FOR_NOW = frozenset({RejectionReason.UNREADABLE, RejectionReason.CHANGED_WHILE_READ})
"""What may be well again with the next run: the file's former self stays."""


@dataclass(frozen=True, slots=True)
class ReferenceParts:
    database: Database
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    now: Callable[[], datetime]
    max_bytes: int = MAX_BYTES
    max_files: int = MAX_FILES
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class ReferenceRequest:
    """Folders with the collection each goes to. `accept_gone`: most of a folder's files are really deleted."""

    folders: tuple[tuple[str, Path], ...]
    dry_run: bool = False
    accept_gone: bool = False


@dataclass(frozen=True, slots=True)
class FolderSummary:
    """`passed_over` are files of other kinds; `gone` left because their file did, or is rejected now."""

    collection: str
    root: Path
    found: int
    new: int
    edited: int
    unchanged: int
    gone: int
    passed_over: int
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class ReferenceSummary:
    folders: tuple[FolderSummary, ...]
    chunks: int
    seconds: float
    dry_run: bool


@dataclass(slots=True)
class _Sorting:
    """What reading one folder came to."""

    collection: str
    root: Path
    label: str
    passed_over: int
    found: int
    fresh: list[Reference] = field(default_factory=list)
    edited: int = 0
    unchanged: int = 0
    gone: list[DocumentId] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)

    def id(self, name: str) -> DocumentId:
        return DocumentId(f"{self.collection}:{self.label}/{name}")


def index_references(parts: ReferenceParts, request: ReferenceRequest) -> ReferenceSummary:
    """Index folders, one after the other. Raises UsageError, JournalError (most is gone), VectorStoreError."""
    started = parts.now()
    sorted_folders = [_sort(parts, request, *folder) for folder in _checked(request.folders)]
    written = 0
    parts.reached("references.read.done")
    if not request.dry_run:
        for sorting in sorted_folders:
            _write(parts, sorting)
        written = _follow(parts, sorted({sorting.collection for sorting in sorted_folders}))
    return ReferenceSummary(
        tuple(_summary(sorting) for sorting in sorted_folders),
        written,
        (parts.now() - started).total_seconds(),
        request.dry_run,
    )


def forget_folder(parts: ReferenceParts, collection: str, root: Path) -> int:
    """Take out what a folder brought to a collection, whether or not the folder is still there; returns how many.

    Raises UsageError when it brought nothing.
    """
    name = str(root.expanduser().resolve())
    with parts.database.begin() as connection:
        brought = references.known(connection, collection, name)
        roots = references.roots(connection, collection)
        remove_references(connection, sorted(brought))
        if name in roots:
            _clear_rejections(connection, f"{collection}:{_label(Path(name), roots)}/")
        parts.reached("references.forget.committing")
    parts.reached("references.forget.committed")
    _follow(parts, [collection])  # also where nothing is left: a killed call may have taken it from the ledger alone
    if not brought:
        listed = f"; it holds {', '.join(sorted(roots))}" if roots else ""
        raise UsageError(f"{collection} holds nothing of {name}{listed}", "web4-agent collections")
    return len(brought)


def _checked(folders: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Absolute folders, each once. Raises UsageError on one within another: its files would be found twice."""
    chosen = list(dict.fromkeys((collection, folder.expanduser().resolve()) for collection, folder in folders))
    for collection, folder in chosen:
        for other_collection, other in chosen:
            if collection == other_collection and folder != other and folder.is_relative_to(other):
                raise UsageError(f"{folder} is within {other}", "name the outer folder alone")
    return chosen


def _sort(parts: ReferenceParts, request: ReferenceRequest, collection: str, folder: Path) -> _Sorting:
    discovered = find_files(folder, SUFFIXES[collection], max_files=parts.max_files)
    with parts.database.read() as connection:
        known = references.known(connection, collection, str(discovered.root))
        roots = references.roots(connection, collection)
    label = _label(discovered.root, roots)
    sorting = _Sorting(collection, discovered.root, label, discovered.passed_over, len(discovered.files))
    for name, reason, detail in discovered.rejected:
        sorting.rejected.append(Rejection(sorting.id(name), reason, detail))
    step = f"read {label}"
    parts.watcher.started(step)
    for at, found in enumerate(discovered.files, start=1):
        _sort_one(parts, sorting, found, known)
        parts.watcher.advanced(step, at, len(discovered.files))
    sorting.gone = _gone(sorting, discovered, known)
    if len(sorting.gone) >= GONE_CHECK_FROM and 2 * len(sorting.gone) > len(known) and not request.accept_gone:
        raise JournalError(
            f"{len(sorting.gone)} of {len(known)} known files are gone from {discovered.root}",
            "is its disk mounted? if they were really deleted, add --accept-gone",
        )
    return sorting


def _label(root: Path, roots: dict[str, DocumentId]) -> str:
    """The folder's name, numbered where another folder of that name is in the collection; stays what it once was."""
    labels = {held: first.partition(":")[2].partition("/")[0] for held, first in roots.items()}
    if str(root) in labels:
        return labels[str(root)]
    plain = root.name.replace(":", "-") or "root"
    taken = set(labels.values())
    return next(name for name in [plain, *(f"{plain}-{at}" for at in range(2, len(taken) + 3))] if name not in taken)


def _sort_one(parts: ReferenceParts, sorting: _Sorting, found: FoundFile, known: dict[DocumentId, ContentHash]) -> None:
    name = sorting.id(found.name)
    read = read_file(found.path, parts.max_bytes)
    if isinstance(read, tuple):
        sorting.rejected.append(Rejection(name, *read))
        return
    if known.get(name) == read.content_hash:
        sorting.unchanged += 1
        return
    secrets = find_secrets(read.text)
    if secrets:
        named = "; ".join(f"line {hit.line}: {hit.rule} {hit.masked}" for hit in secrets[:5])
        sorting.rejected.append(Rejection(name, RejectionReason.SECRET, named))
        return
    sorting.edited += name in known
    sorting.fresh.append(
        Reference(
            id=name,
            collection=sorting.collection,
            content_hash=read.content_hash,
            title=read.title or found.name,
            root=str(sorting.root),
            ecosystem="",
            ok_to_retrieve=True,
            text=read.text,
            indexed_utc=parts.now(),
        )
    )


def _gone(sorting: _Sorting, discovered: Discovered, known: dict[DocumentId, ContentHash]) -> list[DocumentId]:
    """Known files that are no longer there, or that may no longer be in."""
    there = {sorting.id(found.name) for found in discovered.files}
    refused = {rejection.id for rejection in sorting.rejected if rejection.reason not in _FOR_NOW}
    kept = {rejection.id for rejection in sorting.rejected if rejection.reason in _FOR_NOW}
    return sorted(name for name in known if name in refused or (name not in there and name not in kept))


def _write(parts: ReferenceParts, sorting: _Sorting) -> None:
    """The ledger, in transactions of a few files: a crash leaves whole files, the next run does the rest."""
    step = f"ledger {sorting.label}"
    parts.watcher.started(step)
    for start in range(0, len(sorting.fresh), BATCH):
        batch = sorting.fresh[start : start + BATCH]
        pieces = [_chunks(parts.embedder(), row) for row in batch]
        with parts.database.begin() as connection:
            for row, chunked in zip(batch, pieces, strict=True):
                put_reference(connection, row, chunked)
            parts.reached("references.ledger.committing")
        parts.reached("references.ledger.committed")
        parts.watcher.advanced(step, start + len(batch), len(sorting.fresh))
    with parts.database.begin() as connection:
        remove_references(connection, sorting.gone)
        _clear_rejections(connection, sorting.id(""))
        for one in sorting.rejected:
            rejections.put(connection, RejectionRow(one.id, ContentHash(""), one.reason, one.detail, parts.now()))
        parts.reached("references.gone.committing")
    parts.reached("references.gone.committed")


def _clear_rejections(connection: Connection, prefix: str) -> None:
    """Those of a folder's former runs: what is still wrong is told anew."""
    for row in rejections.every(connection):
        if row.id.startswith(prefix):
            rejections.clear(connection, row.id)


def _chunks(embedder: Embedder, row: Reference) -> tuple[Chunk, ...]:
    source = Source(row.id, row.collection, row.content_hash, row.file_path, row.text)
    return chunk_source(source, embedder.token_counts, embedder.max_tokens)


def _follow(parts: ReferenceParts, collections: Sequence[str]) -> int:
    """The collections follow the ledger; returns the chunks written."""
    parts.watcher.started("vectors")
    store = parts.open_store()
    try:
        return synchronise(
            parts.database,
            store,
            parts.embedder(),
            lambda done, total: parts.watcher.advanced("vectors", done, total, None, "chunks"),
            only=collections,
            reached=lambda point: parts.reached(f"references.{point}"),
        )
    finally:
        store.close()


def _summary(sorting: _Sorting) -> FolderSummary:
    return FolderSummary(
        collection=sorting.collection,
        root=sorting.root,
        found=sorting.found,
        new=len(sorting.fresh) - sorting.edited,
        edited=sorting.edited,
        unchanged=sorting.unchanged,
        gone=len(sorting.gone),
        passed_over=sorting.passed_over,
        rejected=tuple(sorting.rejected),
    )
