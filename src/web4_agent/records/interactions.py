"""The query log: one row a query, its text in a table of its own, so that the text can go and the figures stay."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from json import JSONEncoder
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
    tuple_,
)

from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Flaw, Interaction, ResponseId, Route, SourceUse, Status
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json

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
    Column("flaw", String(16), nullable=False),
)

interaction_texts = Table(
    "interaction_texts",
    metadata,
    Column("response", String(40), primary_key=True),
    Column("at_utc", UtcDateTime, nullable=False, index=True),
    Column("query", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

CLIENT_CHARS = 120
_NONE = "[]"
_json = JSONEncoder(ensure_ascii=False, default=str).encode


def add(connection: Connection, rows: Sequence[Interaction], *, texts: bool = True) -> None:
    """Insert new rows; their text goes where it can be deleted alone, or nowhere without `texts`.

    A response that is there already is an error. What no database takes (lone surrogates, NUL) is replaced.
    """
    if not rows:
        return
    _insert(connection, interactions, [_values(row) for row in rows])
    if texts:
        kept = [
            (row.response, row.at_utc, clean(row.query), clean(row.answer)) for row in rows if row.query or row.answer
        ]
        _insert(connection, interaction_texts, kept)


def known(connection: Connection, responses: Sequence[ResponseId]) -> frozenset[ResponseId]:
    """Which of these (a thousand at most) are in the log."""
    query = select(interactions.c.response).where(interactions.c.response.in_(responses))
    return frozenset(ResponseId(response) for response in connection.execute(query).scalars())


def get(connection: Connection, response: ResponseId) -> Interaction | None:
    found = connection.execute(_joined().where(interactions.c.response == response)).mappings().first()
    return _interaction(found) if found else None


def of_responses(connection: Connection, responses: Sequence[ResponseId]) -> list[Interaction]:
    """Those of these (a thousand at most) that are in the log, with their text."""
    query = _joined().where(interactions.c.response.in_(responses))
    return [_interaction(row) for row in connection.execute(query).mappings()]


def between(connection: Connection, start: datetime, end: datetime, *, page: int = 1000) -> Iterator[Interaction]:
    """Every query from `start` until before `end`, oldest first, read page by page."""
    query = (
        _joined()
        .where(interactions.c.at_utc >= start, interactions.c.at_utc < end)
        .order_by(interactions.c.at_utc, interactions.c.response)
    )
    for row in connection.execute(query.execution_options(yield_per=page)).mappings():
        yield _interaction(row)


def page(
    connection: Connection, start: datetime, end: datetime, after: Interaction | None = None, *, count: int = 1000
) -> list[Interaction]:
    """The next queries from `start` until before `end`, oldest first, after `after`: no reader stays open between."""
    order = tuple_(interactions.c.at_utc, interactions.c.response)
    query = _joined().where(interactions.c.at_utc >= start, interactions.c.at_utc < end)
    if after is not None:
        query = query.where(interactions.c.at_utc >= after.at_utc, order > tuple_(after.at_utc, after.response))
    query = query.order_by(interactions.c.at_utc, interactions.c.response).limit(count)
    return [_interaction(row) for row in connection.execute(query).mappings()]


def forget_texts(connection: Connection, before: datetime) -> int:
    """Delete the text of queries older than `before`; the figures stay. Returns how many."""
    return connection.execute(delete(interaction_texts).where(interaction_texts.c.at_utc < before)).rowcount


def clean(text: str) -> str:
    """The text without what no database takes: lone surrogates become `?`, NUL the replacement character."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _joined() -> Select[tuple[Any, ...]]:  # as SQLAlchemy types a select of whole tables
    texts = interaction_texts
    return select(interactions, texts.c.query, texts.c.answer).outerjoin(
        texts, texts.c.response == interactions.c.response
    )


def _insert(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Rows in the order of the table's columns. SQLite's driver is fed itself: three times the rows per second."""
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        names = [column.name for column in table.columns]
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        return
    times = [place for place, column in enumerate(table.columns) if isinstance(column.type, UtcDateTime)]
    statement = str(insert(table).compile(dialect=connection.dialect))
    connection.exec_driver_sql(statement, [_as_sqlite(row, times) for row in rows])


def _as_sqlite(row: tuple[object, ...], times: Sequence[int]) -> tuple[object, ...]:
    values = list(row)
    for place in times:
        at = values[place]
        assert isinstance(at, datetime)
        values[place] = at.astimezone(UTC).isoformat(" ", "microseconds")[:26]  # as SQLAlchemy writes them
    return tuple(values)


def _values(row: Interaction) -> tuple[object, ...]:
    """In the order of the columns, enumerations and truth values as the plain values that drivers take at once."""
    return (
        row.response,
        row.at_utc,
        row.endpoint,
        clean(row.client)[:CLIENT_CHARS],
        row.route.value,
        clean(row.reason),
        row.adapter,
        row.status.value,
        row.latency_ms,
        row.retrieval_ms,
        row.first_token_ms,
        row.tokens_in,
        row.tokens_out,
        row.hot_hits,
        row.hot_misses,
        _json([_plain(source) for source in row.sources]) if row.sources else _NONE,
        _json(row.collections) if row.collections else _NONE,
        row.ecosystem,
        1 if row.stream else 0,
        clean(row.error),
        row.flaw.value,
    )


def _plain(source: SourceUse) -> dict[str, object]:
    """As `asdict`, in a tenth of its time: that would be most of what writing a row takes."""
    return {
        "number": source.number,
        "document": source.document,
        "chunk": source.chunk,
        "collection": source.collection,
        "similarity": source.similarity,
        "score": source.score,
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
        flaw=Flaw(row["flaw"]),
    )
