"""The index: journal files into the ledger, the link graph, the timeline and the buffer collection.

Idempotent: an unchanged file changes nothing, an edited one supersedes its former self, one that is gone is marked so.
A bad file never stops the others. The ledger is written first, in small transactions; the vectors follow it.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.documents import (
    Document,
    DocumentState,
    FindingKind,
    Rejection,
    RejectionReason,
    Ruling,
)
from web4_agent.domain.errors import JournalError
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.records import adapters, chunks, documents, forgettings, links, rejections, rulings, timeline
from web4_agent.records.documents import DocumentRow
from web4_agent.records.links import LinkRow
from web4_agent.records.rejections import RejectionRow
from web4_agent.records.rulings import RulingRow
from web4_agent.records.timeline import TimelineRow
from web4_agent.steps.journal.chunk import chunk_document
from web4_agent.steps.journal.discover import Discovery, FoundDocument, find_documents, in_window
from web4_agent.steps.journal.duplicates import DuplicateIndex
from web4_agent.steps.journal.links import known_names, resolve_links
from web4_agent.steps.journal.origins import find_origins
from web4_agent.steps.journal.parse import read_document
from web4_agent.steps.journal.quality import score_quality
from web4_agent.steps.journal.safety import Screened, screen_all
from web4_agent.steps.projection import synchronise
from web4_agent.steps.telling import tell_of_quarantined, tell_of_rejected
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.database import Database

log = logging.getLogger(__name__)
BATCH = 32
GONE_CHECK_FROM = 10
"""From this many known documents on, half of them gone at once looks like a disk that is not mounted."""


@dataclass(frozen=True, slots=True)
class IndexParts:
    """`embedder` counts tokens for the chunks and embeds them; `open_store` is called once, at the end.

    `section_tokens` is the most that a chunk may have, 0 for all that the embedder reads.
    """

    database: Database
    journal: Path
    embedder: Embedder
    open_store: Callable[[], VectorStore]
    now: Callable[[], datetime]
    max_bytes: int = 2_000_000
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None
    section_tokens: int = 0


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """Documents from `since` to `until`, both included; None leaves a side open. `accept_gone` lets most be gone."""

    since: date | None = None
    until: date | None = None
    dry_run: bool = False
    accept_gone: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the summary's second table: a document and what there is to say of it."""

    document: DocumentId
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class IndexSummary:
    found: int
    new: int
    edited: int
    unchanged: int
    gone: int
    rejected: tuple[Rejection, ...]
    notes: tuple[Note, ...]
    chunks: int
    links: int
    links_resolved: int
    other_markdown: int
    seconds: float
    dry_run: bool

    @property
    def quarantined(self) -> int:
        return sum(rejection.reason is RejectionReason.SECRET for rejection in self.rejected) + sum(
            note.what == "quarantined" for note in self.notes
        )

    @property
    def duplicates(self) -> int:
        return sum(rejection.reason is RejectionReason.DUPLICATE for rejection in self.rejected)


@dataclass(slots=True)
class _Sorting:
    """What reading the files came to."""

    fresh: list[Document] = field(default_factory=list)
    unchanged: list[DocumentId] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    barred: dict[str, datetime] = field(default_factory=dict)
    """When what may not come back was forgotten, by the hash of its name or of its content."""


def index(parts: IndexParts, request: IndexRequest) -> IndexSummary:
    """Index a window of the journal. Raises JournalError, DatabaseError, VectorStoreError, DiskFullError."""
    started = parts.now()
    discovery = find_documents(parts.journal, since=request.since, until=request.until)
    with parts.database.begin() as connection:
        known = documents.known(connection)
    gone = _gone(parts, request, discovery, known)
    sorting = _read(parts, request, discovery, known)
    screened = _screen(sorting)
    rows = _admit(parts, sorting, screened, set(gone))
    parts.reached("index.read.done")
    written = 0
    if not request.dry_run:
        _write(parts, rows, sorting, gone)
        written = _follow(parts)
    with parts.database.begin() as connection:
        total, resolved = links.counts(connection)
    edited = sum(row.document.id in known for row in rows)
    return IndexSummary(
        found=len(discovery.documents),
        new=len(rows) - edited,
        edited=edited,
        unchanged=len(sorting.unchanged),
        gone=len(gone),
        rejected=tuple(sorting.rejected),
        notes=tuple(sorting.notes),
        chunks=written,
        links=total,
        links_resolved=resolved,
        other_markdown=discovery.other_markdown,
        seconds=(parts.now() - started).total_seconds(),
        dry_run=request.dry_run,
    )


@dataclass(frozen=True, slots=True)
class _Admitted:
    document: Document
    row: DocumentRow


def _gone(
    parts: IndexParts,
    request: IndexRequest,
    discovery: Discovery,
    known: dict[DocumentId, tuple[ContentHash, ...]],
) -> list[DocumentId]:
    """Known documents of the window whose file is not there. Raises JournalError when that is most of them."""
    there = {found.id for found in discovery.documents} | {rejection.id for rejection in discovery.rejections}
    with parts.database.begin() as connection:
        rows = {name: documents.present(connection, name) for name in known if name not in there}
    gone = [
        name
        for name, row in rows.items()
        if row is not None and in_window(row.day, request.since, request.until) and not (parts.journal / name).exists()
    ]
    if len(gone) >= GONE_CHECK_FROM and len(gone) > len(known) / 2 and not request.accept_gone:
        raise JournalError(
            f"{len(gone)} of {len(known)} known documents are gone from {parts.journal}",
            "is its disk mounted? if they were really deleted: web4-agent index --all --accept-gone",
        )
    return gone


def _read(
    parts: IndexParts,
    request: IndexRequest,
    discovery: Discovery,
    known: dict[DocumentId, tuple[ContentHash, ...]],
) -> _Sorting:
    with parts.database.read() as connection:
        sorting = _Sorting(rejected=list(discovery.rejections), barred=forgettings.barred(connection))
    parts.watcher.started("read")
    for at, found in enumerate(discovery.documents):
        _read_one(parts, request, found, known, sorting)
        parts.watcher.advanced("read", at + 1, len(discovery.documents))
    return sorting


def _read_one(
    parts: IndexParts,
    request: IndexRequest,
    found: FoundDocument,
    known: dict[DocumentId, tuple[ContentHash, ...]],
    sorting: _Sorting,
) -> None:
    read = read_document(parts.journal, found.path, max_bytes=parts.max_bytes)
    if isinstance(read, Rejection):
        sorting.rejected.append(read)
    elif (asked := _forgotten(sorting, read)) is not None:
        detail = f"forgotten on {asked:%Y-%m-%d}; to take it again: web4-agent forget --allow-again {read.id}"
        sorting.rejected.append(Rejection(read.id, RejectionReason.FORGOTTEN, detail))
    elif not in_window(read.day, request.since, request.until):
        return
    elif read.content_hash in known.get(read.id, ()):
        sorting.unchanged.append(read.id)
    else:
        sorting.fresh.append(read)
        sorting.notes += [Note(read.id, "repaired", warning) for warning in read.warnings if "replaced" in warning]


def _forgotten(sorting: _Sorting, document: Document) -> datetime | None:
    """When its name, or its very content under any name, was forgotten."""
    return sorting.barred.get(forgettings.hash_of(document.id)) or sorting.barred.get(document.content_hash)


def _screen(sorting: _Sorting) -> list[Screened]:
    """Secrets stop a document; personal data is redacted and bars it from training; the rest passes."""
    passed = []
    for screened in screen_all(sorting.fresh):
        if screened.rejection is not None:
            sorting.rejected.append(screened.rejection)
        else:
            passed.append(screened)
    return passed


def _admit(
    parts: IndexParts, sorting: _Sorting, screened: Sequence[Screened], gone: set[DocumentId]
) -> list[_Admitted]:
    """Leave duplicates out, score the rest, and say in which state each goes into the ledger.

    A file that was renamed repeats one that is gone: that is no duplicate.
    """
    if not screened:
        return []
    seen = DuplicateIndex()
    with parts.database.begin() as connection:
        known = documents.in_state(connection, *documents.LIVE, DocumentState.GONE, DocumentState.SUPERSEDED)
        origins, ruled = documents.origins(connection), rulings.latest(connection)
    for row in known:
        if row.id not in gone and row.state in documents.LIVE:
            seen.add(row)
    origins |= find_origins([one.document for one in screened], known, origins)
    shut_out = {row.document for row in ruled.values() if row.ruling is Ruling.REJECTED}
    admitted = []
    for one in screened:
        document = one.document
        repeated = seen.nearest(document)
        if repeated is not None:
            name, likeness = repeated
            sorting.rejected.append(
                Rejection(document.id, RejectionReason.DUPLICATE, f"{likeness:.0%} the same words as {name}")
            )
            continue
        row = replace(_row(one, seen.novelty(document), parts.now()), origin=origins.get(document.id))
        row = _ruled(row, ruled.get(row.content_hash), shut_out)
        seen.add(document)
        if row.state is DocumentState.QUARANTINED:
            sorting.notes.append(Note(document.id, "quarantined", row.reason))
        elif not row.ok_to_train:
            sorting.notes.append(Note(document.id, "not trained", row.reason))
        admitted.append(_Admitted(document, row))
    return admitted


def _row(screened: Screened, novelty: float, now: datetime) -> DocumentRow:
    document = screened.document
    personal = screened.of_kind(FindingKind.PERSONAL)
    speaks = screened.of_kind(FindingKind.INSTRUCTION)
    reasons = [
        f"{what}: {', '.join(sorted({f'{finding.rule} in line {finding.line}' for finding in found}))}"
        for what, found in (("personal data redacted", personal), ("speaks to a model", speaks))
        if found
    ]
    if not document.header.ok_to_train and not personal:
        reasons.append("its header says not to train it")
    return DocumentRow(
        id=document.id,
        content_hash=document.content_hash,
        text_hash=hash_text(document.text),
        day=document.day,
        state=DocumentState.QUARANTINED if screened.waits_for_person else DocumentState.BUFFERED,
        reason="; ".join(reasons),
        title=document.title,
        header=document.header,
        text=document.text,
        quality=score_quality(document, novelty=novelty),
        ok_to_train=screened.ok_to_train,
        ok_to_retrieve=document.header.ok_to_retrieve and not screened.waits_for_person,
        indexed_utc=now,
    )


def _ruled(row: DocumentRow, ruling: RulingRow | None, shut_out: set[DocumentId]) -> DocumentRow:
    """What a person decided on this very text holds; another version of what was rejected waits for a person again."""
    if ruling is not None and ruling.ruling is Ruling.APPROVED:
        trains, shows = row.header.ok_to_train, row.header.ok_to_retrieve
        approved = f"approved by a person: {ruling.reason}"
        return replace(row, state=DocumentState.BUFFERED, reason=approved, ok_to_train=trains, ok_to_retrieve=shows)
    if ruling is not None:
        why = f"rejected by a person: {ruling.reason}"
    elif not shut_out.isdisjoint({row.id, row.origin}):
        why = "; ".join(["a version of it, or what it repeats, was rejected by a person", *filter(None, [row.reason])])
    else:
        return row
    return replace(row, state=DocumentState.QUARANTINED, reason=why, ok_to_train=False, ok_to_retrieve=False)


def _write(parts: IndexParts, rows: Sequence[_Admitted], sorting: _Sorting, gone: Iterable[DocumentId]) -> None:
    """The ledger, in transactions of a few documents: a crash leaves whole documents, the next run does the rest."""
    parts.watcher.started("ledger")
    tokens = parts.section_tokens or parts.embedder.max_tokens
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        chunked = {one.document.id: chunk_document(one.document, parts.embedder.token_counts, tokens) for one in batch}
        with parts.database.begin() as connection:
            names = known_names([*documents.known(connection), *(one.document.id for one in batch)])
            for one in batch:
                _write_one(connection, one, names)
                chunks.replace(connection, one.document.id, one.document.content_hash, chunked[one.document.id])
            tell_of_quarantined(connection, [one.row for one in batch], parts.now())
            parts.reached("index.ledger.committing")
        parts.reached("index.ledger.committed")
        parts.watcher.advanced("ledger", start + len(batch), len(rows))
    with parts.database.begin() as connection:
        for name in gone:
            _retire(connection, name)
        _note_rejections(connection, sorting, parts.now())
        parts.reached("index.gone.committing")
    parts.reached("index.gone.committed")


def _write_one(connection: Connection, one: _Admitted, names: dict[str, tuple[DocumentId, ...]]) -> None:
    document, row = one.document, one.row
    if documents.present(connection, document.id) is not None:
        documents.retire(connection, document.id, DocumentState.SUPERSEDED, "a newer version was indexed")
    if documents.find(connection, document.id, document.content_hash) is None:
        documents.add(connection, row)
    else:
        documents.revive(connection, row, adapters.serving_lineage(connection))
    resolved = resolve_links([document], names)
    rows = [LinkRow(link.source, link.kind, link.target_name, link.target, link.url) for link in resolved]
    links.replace(connection, document.id, rows)
    links.resolve_waiting(connection, Path(document.id).name, document.id)
    at = document.header.date_utc or datetime.combine(document.day, time(), UTC)
    author = document.header.agent or document.header.role
    timeline.put(connection, TimelineRow(document.id, at, author, document.header.role, document.title))
    rejections.clear(connection, document.id)


def _retire(connection: Connection, name: DocumentId) -> None:
    documents.retire(connection, name, DocumentState.GONE, "its file is no longer in the journal")
    chunks.remove(connection, name)
    links.remove(connection, name)
    timeline.remove(connection, name)


def _note_rejections(connection: Connection, sorting: _Sorting, now: datetime) -> None:
    """A document that was fine and no longer is (a secret was added, say) leaves the buffer, not the record."""
    nameable = [one for one in sorting.rejected if forgettings.hash_of(one.id) not in sorting.barred]
    tell_of_rejected(connection, nameable, now)
    for rejection in sorting.rejected:
        if documents.present(connection, rejection.id) is not None and rejection.reason is RejectionReason.SECRET:
            documents.retire(connection, rejection.id, DocumentState.SUPERSEDED, "its newer version holds a secret")
            chunks.remove(connection, rejection.id)
        forgotten = forgettings.hash_of(rejection.id) in sorting.barred
        if not forgotten and rejection.reason is not RejectionReason.FORGOTTEN:  # its name is not to come back
            row = RejectionRow(rejection.id, ContentHash(""), rejection.reason, rejection.detail, now)
            rejections.put(connection, row)
    log.info("index.written rejected=%d", len(sorting.rejected))


def _follow(parts: IndexParts) -> int:
    """The collections follow the ledger; returns the chunks written."""
    parts.watcher.started("vectors")
    store = parts.open_store()
    try:
        return synchronise(
            parts.database,
            store,
            parts.embedder,
            lambda done, total: parts.watcher.advanced("vectors", done, total, None, "chunks"),
            reached=lambda point: parts.reached(f"index.{point}"),
        )
    finally:
        store.close()
