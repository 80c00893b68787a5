"""The probations table: one row an adapter; and what probation reads of the query log."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, String, Table, Text, func, select

from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.probation import Answered, Baseline, Counts, Probation, ProbationState
from web4_agent.domain.queries import Flaw, ResponseId, Status
from web4_agent.records.interactions import interaction_texts, interactions
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json, to_json
from web4_agent.storage.upsert import replace_row

probations = Table(
    "probations",
    metadata,
    Column("adapter", String(32), primary_key=True),
    Column("previous", String(32), nullable=False),
    Column("started_utc", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("baseline", Text, nullable=False),
    Column("settled_utc", UtcDateTime, nullable=False),
    Column("settled", Text, nullable=False),
    Column("warning", Text, nullable=False),
    Column("ended_utc", UtcDateTime),
    Column("reason", Text, nullable=False),
)

OPEN = (ProbationState.RUNNING, ProbationState.ALARMED)
_REPEATS = 20
"""So many times the rows asked for are read to find distinct questions among them."""


def put(connection: Connection, row: Probation) -> None:
    """Keep it, in place of what was known of the same adapter."""
    values: dict[str, object] = {
        "adapter": row.adapter,
        "previous": row.previous,
        "started_utc": row.started_utc,
        "state": row.state.value,
        "baseline": to_json(row.baseline),
        "settled_utc": row.settled_utc,
        "settled": to_json({sign.value: asdict(count) for sign, count in row.settled.items()}),
        "warning": row.warning,
        "ended_utc": row.ended_utc,
        "reason": row.reason,
    }
    replace_row(connection, probations, values)


def get(connection: Connection, adapter: AdapterVersion, *, lock: bool = False) -> Probation | None:
    """`lock`: nobody else changes it until this transaction ends."""
    query = select(probations).where(probations.c.adapter == adapter)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return _probation(row) if row else None


def open_ones(connection: Connection) -> list[Probation]:
    """Those that have not ended, oldest first: as a rule one, the rest to be closed."""
    query = select(probations).where(probations.c.state.in_([state.value for state in OPEN]))
    return [_probation(row) for row in connection.execute(query.order_by(probations.c.started_utc))]


def recent(connection: Connection, count: int) -> list[Probation]:
    """The last ones, newest first."""
    query = select(probations).order_by(probations.c.started_utc.desc(), probations.c.adapter).limit(count)
    return [_probation(row) for row in connection.execute(query)]


def answers(connection: Connection, adapter: AdapterVersion, start: datetime, end: datetime) -> list[Answered]:
    """What the adapter answered from `start` until before `end`, by the time at which it was asked, oldest first."""
    query = _answers().where(interactions.c.at_utc >= start, interactions.c.at_utc < end)
    query = query.where(interactions.c.adapter == adapter).order_by(interactions.c.at_utc, interactions.c.response)
    return [_answered(row) for row in connection.execute(query)]


def recent_answers(
    connection: Connection, start: datetime, end: datetime, count: int, adapter: AdapterVersion | None = None
) -> list[Answered]:
    """The last answers before `end`, none older than `start`, of one adapter or of all, newest first."""
    query = _answers().where(interactions.c.at_utc >= start, interactions.c.at_utc < end)
    if adapter is not None:
        query = query.where(interactions.c.adapter == adapter)
    query = query.order_by(interactions.c.at_utc.desc(), interactions.c.response.desc()).limit(count)
    return [_answered(row) for row in connection.execute(query)]


def recent_questions(
    connection: Connection, count: int, endpoints: Sequence[str], most_chars: int
) -> list[tuple[ResponseId, str]]:
    """The last distinct questions whose text is kept, newest first, with the response that they last got.

    A question over `most_chars` is left out: it may not fit the engine's context.
    """
    asked, texts = interactions.c, interaction_texts.c
    query = (
        select(texts.response, texts.query)
        .join(interactions, texts.response == asked.response)
        .where(asked.endpoint.in_(endpoints), texts.query != "", func.length(texts.query) <= most_chars)
        .order_by(texts.at_utc.desc(), texts.response.desc())
        .limit(count * _REPEATS)
    )
    found: dict[str, ResponseId] = {}
    for response, question in connection.execute(query):
        found.setdefault(question, ResponseId(response))
    return [(response, question) for question, response in list(found.items())[:count]]


def _answers() -> Select[tuple[Any, ...]]:  # as SQLAlchemy types a select of this many columns
    asked = interactions.c
    return select(
        asked.status,
        asked.flaw,
        asked.stream,
        asked.latency_ms,
        asked.retrieval_ms,
        asked.first_token_ms,
        asked.tokens_out,
    )


def _answered(row: Row[Any]) -> Answered:
    return Answered(
        Status(row.status),
        Flaw(row.flaw),
        bool(row.stream),
        row.latency_ms,
        row.retrieval_ms,
        row.first_token_ms,
        row.tokens_out,
    )


def _probation(row: Row[Any]) -> Probation:
    return Probation(
        adapter=AdapterVersion(row.adapter),
        previous=AdapterVersion(row.previous),
        started_utc=row.started_utc,
        state=ProbationState(row.state),
        baseline=from_json(Baseline, row.baseline),
        settled_utc=row.settled_utc,
        settled=from_json(Counts, row.settled),
        warning=row.warning,
        ended_utc=row.ended_utc,
        reason=row.reason,
    )
