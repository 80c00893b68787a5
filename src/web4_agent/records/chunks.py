"""The chunks table and its lexical index: the text of every chunk of the documents in use, ranked by BM25.

SQLite searches by FTS5, PostgreSQL by its own full-text search; both take plain words, never a query syntax.
"""

import json
import re
from collections.abc import Sequence

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    column,
    delete,
    insert,
    select,
    table,
    text,
)

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

_lexical = table("chunks_lexical", column("chunk"))
"""SQLite's word index; a virtual table, so no part of the schema that migrations are compared with."""

_WORD = re.compile(r"\w+")
MAX_QUERY_WORDS = 64
PAGE = 500
"""Documents in one statement: below the limit of variables of every database."""


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
    if connection.execute(select(chunks.c.id).where(chunks.c.document == document).limit(1)).first() is not None:
        remove_all(connection, [document])  # else spared: it reads through the whole lexical index


def remove_all(connection: Connection, documents: Sequence[DocumentId]) -> None:
    """The chunks of several documents, with one pass through the lexical index for each page of them."""
    for start in range(0, len(documents), PAGE):
        some = select(chunks.c.id).where(chunks.c.document.in_(documents[start : start + PAGE]))
        if connection.dialect.name == "sqlite":
            connection.execute(delete(_lexical).where(_lexical.c.chunk.in_(some)))
        connection.execute(delete(chunks).where(chunks.c.document.in_(documents[start : start + PAGE])))


def rebuild_lexical(connection: Connection) -> None:
    """Make SQLite's word index anew from the table; PostgreSQL's follows by itself."""
    if connection.dialect.name == "sqlite":
        connection.execute(delete(_lexical))
        connection.execute(text("INSERT INTO chunks_lexical (chunk, text) SELECT id, text FROM chunks"))


def of_documents(connection: Connection, documents: Sequence[DocumentId]) -> list[Chunk]:
    """Chunks of these documents, by document and position."""
    found: list[Chunk] = []
    names = sorted(documents)
    for start in range(0, len(names), PAGE):
        some = chunks.c.document.in_(names[start : start + PAGE])
        query = select(chunks).where(some).order_by(chunks.c.document, chunks.c.position)
        found += [
            Chunk(row.id, row.document, SectionKind(row.kind), tuple(json.loads(row.path)), row.text, row.position)
            for row in connection.execute(query)
        ]
    return found


def ids(connection: Connection) -> dict[ChunkId, DocumentId]:
    return {row.id: row.document for row in connection.execute(select(chunks.c.id, chunks.c.document))}


def lexical(
    connection: Connection, question: str, count: int, references: Sequence[str] = (), *, journal: bool = True
) -> list[tuple[ChunkId, float]]:
    """The `count` chunks that share most with the question's words, best first, with a score where more is better.

    Among the journal's chunks and those of the reference collections named; without `journal` only the latter.
    """
    words = list(dict.fromkeys(_WORD.findall(question.lower())))[:MAX_QUERY_WORDS]
    if not words:
        return []
    if connection.dialect.name == "sqlite":
        where = _within("chunk", references, journal=journal)
        query = (
            f"SELECT chunk, -bm25(chunks_lexical) FROM chunks_lexical WHERE chunks_lexical MATCH :words AND {where} "  # noqa: S608 - `where` is of bound names
            "ORDER BY 2 DESC"
        )
        terms = " OR ".join(f'"{word}"' for word in words)
    else:
        where = _within("id", references, journal=journal)
        query = (
            "SELECT id, ts_rank_cd(to_tsvector('simple', text), to_tsquery('simple', :words)) FROM chunks "  # noqa: S608 - as above
            f"WHERE to_tsvector('simple', text) @@ to_tsquery('simple', :words) AND {where} ORDER BY 2 DESC, 1"
        )
        terms = " | ".join(f"'{word}'" for word in words)
    values: dict[str, str | int] = {"words": terms, "count": count, "inner": "%:%"}
    values |= {f"reference{at}": f"{name}:%" for at, name in enumerate(references)}
    used = [name for name in values if f":{name}" in query or name == "count"]
    statement = text(f"{query} LIMIT :count").bindparams(*(bindparam(name) for name in used))
    found = connection.execute(statement, {name: values[name] for name in used})
    return [(ChunkId(row[0]), float(row[1])) for row in found]


def _within(column: str, references: Sequence[str], *, journal: bool) -> str:
    """A condition on chunk ids: a reference's begin with its collection and a colon, the journal's hold none."""
    terms = [f"{column} NOT LIKE :inner"] if journal else []
    terms += [f"{column} LIKE :reference{at}" for at in range(len(references))]
    return f"({' OR '.join(terms)})" if terms else "1 = 0"
