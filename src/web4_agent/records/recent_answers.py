"""The last answers and the last errors of the query log, newest first, read through the index on their time.

Called by the dashboard. Never scans: what is looked at is bounded by a number of rows, however long the log is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, tuple_

from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import ResponseId, Route, Status
from web4_agent.records.interactions import interaction_texts, interactions


@dataclass(frozen=True, slots=True)
class RecentAnswer:
    """A query whose text is kept."""

    response: ResponseId
    at_utc: datetime
    client: str
    route: Route
    adapter: AdapterVersion
    status: Status
    latency_ms: float
    query: str
    answer: str


@dataclass(frozen=True, slots=True)
class RecentError:
    response: ResponseId
    at_utc: datetime
    adapter: AdapterVersion
    error: str


def answers(
    connection: Connection, most: int, before: tuple[datetime, ResponseId] | None = None
) -> Sequence[RecentAnswer]:
    """The newest whose texts are kept, those before `before` where it is given."""
    texts, asked = interaction_texts.c, interactions.c
    place = tuple_(texts.at_utc, texts.response)
    newest = select(texts.response, texts.at_utc).order_by(texts.at_utc.desc(), texts.response.desc()).limit(most)
    if before is not None:
        newest = newest.where(texts.at_utc <= before[0], place < tuple_(*before))
    wanted = newest.subquery()
    query = (
        select(asked.response, asked.at_utc, asked.client, asked.route, asked.adapter, asked.status)
        .add_columns(asked.latency_ms, texts.query, texts.answer)
        .join(wanted, wanted.c.response == asked.response)
        .join(interaction_texts, texts.response == asked.response)
        .order_by(wanted.c.at_utc.desc(), wanted.c.response.desc())
    )
    return [
        RecentAnswer(
            ResponseId(row.response),
            row.at_utc,
            row.client,
            Route(row.route),
            row.adapter,
            Status(row.status),
            row.latency_ms,
            row.query,
            row.answer,
        )
        for row in connection.execute(query)
    ]


def errors(connection: Connection, among: int, most: int) -> Sequence[RecentError]:
    """Those that ended in an error `among` the last queries, newest first."""
    asked = interactions.c
    columns = (asked.response, asked.at_utc, asked.adapter, asked.status, asked.error)
    last = select(*columns).order_by(asked.at_utc.desc()).limit(among).subquery()
    query = select(last).where(last.c.status == Status.ERROR.value).order_by(last.c.at_utc.desc()).limit(most)
    return [
        RecentError(ResponseId(row.response), row.at_utc, row.adapter, row.error) for row in connection.execute(query)
    ]
