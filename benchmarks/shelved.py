"""A ledger and a vector store that hold documents, made without the checks of indexing: for benchmarks of retrieval."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorEntry
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.documents import Document, DocumentState, QualityScore
from web4_agent.domain.ids import AdapterVersion
from web4_agent.records import chunks, collections, documents
from web4_agent.steps.journal.chunk import chunk_document
from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.migrations import migrate

HISTORY = "pdca_historical"
AT = datetime(2026, 1, 1, tzinfo=UTC)
QUALITY = QualityScore(0, 0, 0, 0, 0)


def shelved(folder: Path, journal: Sequence[Document], embedder: Embedder) -> tuple[Database, MemoryStore]:
    """Every document in history, chunked and embedded as the product does it."""
    database, store = Database(sqlite_url(folder / "ledger.db")), MemoryStore()
    migrate(database)
    parts = [(document, chunk_document(document, embedder.token_counts)) for document in journal]
    with database.begin() as connection:
        for document, pieces in parts:
            documents.add(connection, row_of(document))
            chunks.replace(connection, document.id, document.content_hash, pieces)
        collections.raise_epoch(connection, HISTORY)
    every = [chunk for _, pieces in parts for chunk in pieces]
    entries = [VectorEntry(chunk.id, chunk.document, chunk.text, {}) for chunk in every]
    store.upsert(HISTORY, entries, embedder.embed([chunk.text for chunk in every]))
    return database, store


def row_of(document: Document) -> documents.DocumentRow:
    return documents.DocumentRow(
        document.id,
        document.content_hash,
        document.content_hash,
        document.day,
        DocumentState.HISTORICAL,
        "",
        document.title,
        document.header,
        document.text,
        QUALITY,
        ok_to_train=True,
        ok_to_retrieve=True,
        indexed_utc=AT,
        adapter=AdapterVersion("a-bench"),
    )
