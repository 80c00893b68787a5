"""The journal cut into sections of another length, from the ledger's texts, and the collections after it.

Called by `web4-agent collections recut`. The ledger first, a few documents a transaction, then the vectors: sections of
another length have ids of their own, so that whoever comes after a kill (this again, an index, the doctor) sees what is
missing. Readers find each document whole all the while.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.documents import Chunk, Document
from web4_agent.domain.home import Home
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.records import chunks, documents
from web4_agent.records.documents import DocumentRow
from web4_agent.steps.journal.chunk import chunk_document
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.projection import JOURNAL, synchronise
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive

log = logging.getLogger(__name__)
BATCH = 32


@dataclass(frozen=True, slots=True)
class RecutParts:
    database: Database
    home: Home
    embedder: Embedder
    open_store: Callable[[], VectorStore]
    now: Callable[[], datetime]
    section_tokens: int
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class Recut:
    """`changed` of `documents` had other sections before; `embedded` sections were written to the collections."""

    documents: int
    changed: int
    tokens: int
    embedded: int
    seconds: float


def recut(parts: RecutParts) -> Recut:
    """Safe to repeat and to interrupt. Raises BusyError while a night or the doctor runs, VectorStoreError."""
    started = parts.now()
    with exclusive(parts.home.night_lock, doing="cutting the journal anew"):
        rows = _present(parts)
        changed = _cut(parts, rows)
        parts.watcher.started("vectors")
        store = parts.open_store()
        try:
            embedded = synchronise(
                parts.database,
                store,
                parts.embedder,
                lambda done, total: parts.watcher.advanced("vectors", done, total, None, "sections"),
                JOURNAL,
                reached=lambda point: parts.reached(f"recut.{point}"),
            )
        finally:
            store.close()
    log.info("recut.done documents=%d tokens=%d embedded=%d", changed, parts.section_tokens, embedded)
    seconds = (parts.now() - started).total_seconds()
    return Recut(len(rows), changed, parts.section_tokens, embedded, seconds)


def _present(parts: RecutParts) -> list[DocumentRow]:
    """The version of each document that is looked up: of two in use, the one indexed last."""
    with parts.database.read() as connection:
        rows = documents.in_state(connection, *documents.LIVE)
    newest = {row.id: row for row in sorted(rows, key=lambda row: row.indexed_utc)}
    return [newest[name] for name in sorted(newest)]


def _cut(parts: RecutParts, rows: Sequence[DocumentRow]) -> int:
    parts.watcher.started("sections")
    changed = 0
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        made = {row.id: _sections(parts, row) for row in batch}
        with parts.database.begin() as connection:
            held = {one.id for one in chunks.of_documents(connection, [row.id for row in batch])}
            for row in batch:
                pieces = made[row.id]
                if pieces is not None and {piece.id for piece in pieces} - held:
                    chunks.replace(connection, row.id, row.content_hash, pieces)
                    changed += 1
            parts.reached("recut.ledger.committing")
        parts.reached("recut.ledger.committed")
        parts.watcher.advanced("sections", start + len(batch), len(rows), None, "documents")
    return changed


def _sections(parts: RecutParts, row: DocumentRow) -> tuple[Chunk, ...] | None:
    """None for a text that is no document by today's rules: its sections stay as they are."""
    parsed = parse_document(row.id, row.text.encode("utf-8"), modified_utc=row.indexed_utc)
    if not isinstance(parsed, Document):
        return None
    document = replace(parsed, content_hash=row.content_hash)
    return chunk_document(document, parts.embedder.token_counts, parts.section_tokens)
