"""The chunks table and its lexical index: the text of every chunk of the documents in use, ranked by BM25.

SQLite searches by FTS5, PostgreSQL by its own full-text search; both take plain words, never a query syntax.
"""

import json
import re
from collections.abc import Sequence

from sqlalchemy import Column, Connection, Integer, String, Table, Text, bindparam, delete, insert, select, text

from web4_agent.domain.documents import Chunk, SectionKind
from web4_agent.domain.ids import ChunkId, ContentHash, DocumentId
from web4_agent.storage.database import metadata

chunks = Table(
    "chunks",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("document", Text, nullable=False, index=True),
    Column("content_hash", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("text", Text, nullable=False),
)

_WORD = re.compile(r"\w+")
MAX_QUERY_WORDS = 64


def replace(connection: Connection, document: DocumentId, content_hash: ContentHash, new: Sequence[Chunk]) -> None:
    """Put a document's chunks in place of those it had, in the table and in the lexical index."""
    remove(connection, document)
    if not new:
        return
    connection.execute(
        insert(chunks),
        [
            {
                "id": chunk.id,
                "document": document,
                "content_hash": content_hash,
                "kind": chunk.kind,
                "path": json.dumps(chunk.path, ensure_ascii=False),
                "position": chunk.position,
                "text": chunk.text,
            }
            for chunk in new
        ],
    )
    if connection.dialect.name == "sqlite":
        connection.execute(
            text("INSERT INTO chunks_lexical (chunk, text) VALUES (:chunk, :text)"),
            [{"chunk": chunk.id, "text": chunk.text} for chunk in new],
        )


def remove(connection: Connection, document: DocumentId) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(
            text("DELETE FROM chunks_lexical WHERE chunk IN (SELECT id FROM chunks WHERE document = :document)"),
            {"document": document},
        )
    connection.execute(delete(chunks).where(chunks.c.document == document))


def of_documents(connection: Connection, documents: Sequence[DocumentId]) -> list[Chunk]:
    """Chunks of these documents, by document and position."""
    query = select(chunks).where(chunks.c.document.in_(documents)).order_by(chunks.c.document, chunks.c.position)
    return [
        Chunk(row.id, row.document, SectionKind(row.kind), tuple(json.loads(row.path)), row.text, row.position)
        for row in connection.execute(query)
    ]


def ids(connection: Connection) -> dict[ChunkId, DocumentId]:
    return {row.id: row.document for row in connection.execute(select(chunks.c.id, chunks.c.document))}


def lexical(connection: Connection, question: str, count: int) -> list[tuple[ChunkId, float]]:
    """The `count` chunks that share most with the question's words, best first, with a score where more is better."""
    words = list(dict.fromkeys(_WORD.findall(question.lower())))[:MAX_QUERY_WORDS]
    if not words:
        return []
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT chunk, -bm25(chunks_lexical) FROM chunks_lexical WHERE chunks_lexical MATCH :words ORDER BY 2 DESC"
        )
        terms = " OR ".join(f'"{word}"' for word in words)
    else:
        query = (
            "SELECT id, ts_rank_cd(to_tsvector('simple', text), to_tsquery('simple', :words)) FROM chunks "
            "WHERE to_tsvector('simple', text) @@ to_tsquery('simple', :words) ORDER BY 2 DESC, 1"
        )
        terms = " | ".join(f"'{word}'" for word in words)
    statement = text(f"{query} LIMIT :count").bindparams(bindparam("words"), bindparam("count"))
    return [(ChunkId(row[0]), float(row[1])) for row in connection.execute(statement, {"words": terms, "count": count})]
