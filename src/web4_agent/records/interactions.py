"""The query log: one row a query, its text in a table of its own, so that the text can go and the figures stay."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Interaction, ResponseId, Route, SourceUse, Status
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json, to_json

interactions = Table(
    "interactions",
    metadata,
    Column("response", String(40), primary_key=True),
    Column("at_utc", UtcDateTime, nullable=False, index=True),
    Column("endpoint", String(32), nullable=False),
    Column("client", String(120), nullable=False),
    Column("route", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("adapter", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("retrieval_ms", Float, nullable=False),
    Column("first_token_ms", Float, nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("hot_hits", Integer, nullable=False),
    Column("hot_misses", Integer, nullable=False),
    Column("sources", Text, nullable=False),
    Column("collections", Text, nullable=False),
    Column("ecosystem", String(32), nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("error", Text, nullable=False),
)

interaction_texts = Table(
    "interaction_texts",
    metadata,
    Column("response", String(40), primary_key=True),
    Column("at_utc", UtcDateTime, nullable=False, index=True),
    Column("query", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

_NONE = "[]"


def add(connection: Connection, rows: Sequence[Interaction]) -> None:
    """Insert new rows; their text goes where it can be deleted alone. A response that is there already is an error."""
    if not rows:
        return
    connection.execute(insert(interactions), [_values(row) for row in rows])
    texts = [
        {"response": row.response, "at_utc": row.at_utc, "query": row.query, "answer": row.answer}
        for row in rows
        if row.query or row.answer
    ]
    if texts:
        connection.execute(insert(interaction_texts), texts)


def get(connection: Connection, response: ResponseId) -> Interaction | None:
    found = connection.execute(_joined().where(interactions.c.response == response)).mappings().first()
    return _interaction(found) if found else None


def between(connection: Connection, start: datetime, end: datetime, *, page: int = 1000) -> Iterator[Interaction]:
    """Every query from `start` until before `end`, oldest first, read page by page."""
    query = (
        _joined()
        .where(interactions.c.at_utc >= start, interactions.c.at_utc < end)
        .order_by(interactions.c.at_utc, interactions.c.response)
    )
    for row in connection.execute(query.execution_options(yield_per=page)).mappings():
        yield _interaction(row)


def forget_texts(connection: Connection, before: datetime) -> int:
    """Delete the text of queries older than `before`; the figures stay. Returns how many."""
    return connection.execute(delete(interaction_texts).where(interaction_texts.c.at_utc < before)).rowcount


def _joined() -> Select[tuple[Any, ...]]:  # as SQLAlchemy types a select of whole tables
    texts = interaction_texts
    return select(interactions, texts.c.query, texts.c.answer).outerjoin(
        texts, texts.c.response == interactions.c.response
    )


def _values(row: Interaction) -> dict[str, object]:
    return {
        "response": row.response,
        "at_utc": row.at_utc,
        "endpoint": row.endpoint,
        "client": row.client,
        "route": row.route,
        "reason": row.reason,
        "adapter": row.adapter,
        "status": row.status,
        "latency_ms": row.latency_ms,
        "retrieval_ms": row.retrieval_ms,
        "first_token_ms": row.first_token_ms,
        "tokens_in": row.tokens_in,
        "tokens_out": row.tokens_out,
        "hot_hits": row.hot_hits,
        "hot_misses": row.hot_misses,
        "sources": to_json([asdict(source) for source in row.sources]) if row.sources else _NONE,
        "collections": to_json(row.collections) if row.collections else _NONE,
        "ecosystem": row.ecosystem,
        "stream": row.stream,
        "error": row.error,
    }


def _interaction(row: RowMapping) -> Interaction:
    return Interaction(
        response=ResponseId(row["response"]),
        at_utc=row["at_utc"],
        endpoint=row["endpoint"],
        client=row["client"],
        route=Route(row["route"]),
        reason=row["reason"],
        adapter=AdapterVersion(row["adapter"]),
        status=Status(row["status"]),
        latency_ms=row["latency_ms"],
        retrieval_ms=row["retrieval_ms"],
        first_token_ms=row["first_token_ms"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        hot_hits=row["hot_hits"],
        hot_misses=row["hot_misses"],
        sources=from_json(tuple[SourceUse, ...], row["sources"]),
        collections=from_json(tuple[str, ...], row["collections"]),
        ecosystem=row["ecosystem"],
        stream=bool(row["stream"]),
        error=row["error"],
        query=row["query"] or "",
        answer=row["answer"] or "",
    )
