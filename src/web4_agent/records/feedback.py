"""The feedback table: one thumb a person and response; a later one replaces it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, PrimaryKeyConstraint, String, Table, Text, func, or_, select

from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Feedback, Flaw, RatedAnswer, ResponseId, Route, SourceUse, Status, Thumb
from web4_agent.domain.thumbs import Vote
from web4_agent.records.interactions import interaction_texts, interactions
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata
from web4_agent.storage.payload import from_json
from web4_agent.storage.upsert import replace_row

feedback = Table(
    "feedback",
    metadata,
    Column("response", String(40), nullable=False),
    Column("client", String(120), nullable=False),
    Column("at_utc", UtcDateTime, nullable=False, index=True),
    Column("thumb", String(8), nullable=False),
    Column("comment", Text, nullable=False),
    PrimaryKeyConstraint("response", "client"),
)


CHATS = ("chat", "ollama chat")
"""Endpoints where a question is a person's or a program's words to an assistant, and no raw text to go on with."""


@dataclass(frozen=True, slots=True)
class ThumbCount:
    """Thumbs of one kind on the answers that one adapter gave on one route."""

    route: Route
    adapter: AdapterVersion
    thumb: Thumb
    count: int


def put(connection: Connection, given: Feedback) -> None:
    """Keep it, in place of what the same client said about the same response before."""
    values = {"response": given.response, "client": given.client, "at_utc": given.at_utc}
    replace_row(connection, feedback, {**values, "thumb": given.thumb.value, "comment": given.comment})


def of_responses(connection: Connection, responses: Sequence[ResponseId]) -> dict[ResponseId, tuple[Feedback, ...]]:
    """What was said about these responses (a thousand at most), oldest first."""
    query = select(feedback).where(feedback.c.response.in_(responses)).order_by(feedback.c.at_utc, feedback.c.client)
    found: dict[ResponseId, tuple[Feedback, ...]] = {}
    for row in connection.execute(query):
        given = Feedback(ResponseId(row.response), row.client, row.at_utc, Thumb(row.thumb), row.comment)
        found[given.response] = (*found.get(given.response, ()), given)
    return found


def counts(connection: Connection, start: datetime, end: datetime) -> list[ThumbCount]:
    """Thumbs given from `start` until before `end`, by route and adapter of the answers they are about."""
    query = (
        select(interactions.c.route, interactions.c.adapter, feedback.c.thumb, func.count())
        .join(interactions, interactions.c.response == feedback.c.response)
        .where(feedback.c.at_utc >= start, feedback.c.at_utc < end)
        .group_by(interactions.c.route, interactions.c.adapter, feedback.c.thumb)
        .order_by(interactions.c.route, interactions.c.adapter, feedback.c.thumb)
    )
    return [
        ThumbCount(Route(row[0]), AdapterVersion(row[1]), Thumb(row[2]), int(row[3]))
        for row in connection.execute(query)
    ]


def votes(connection: Connection, since: datetime | None, before: datetime) -> list[Vote]:
    """Thumbs given before `before`, oldest first: those on answers whose text is kept, and all from `since` on."""
    asked, texts = interactions.c, interaction_texts.c
    query = (
        select(feedback, asked.client.label("asker"), asked.adapter, asked.status, asked.flaw, asked.endpoint)
        .add_columns(asked.sources, texts.query, texts.answer)
        .join(interactions, asked.response == feedback.c.response)
        .outerjoin(interaction_texts, texts.response == feedback.c.response)
        .where(feedback.c.at_utc < before)
        .order_by(feedback.c.at_utc, feedback.c.response, feedback.c.client)
    )
    if since is not None:
        query = query.where(or_(texts.response.is_not(None), feedback.c.at_utc >= since))
    return [_vote(row) for row in connection.execute(query)]


def voted_down(connection: Connection, adapter: AdapterVersion, count: int, most_chars: int) -> list[str]:
    """The last distinct questions whose answer by this adapter got a thumb down, the newest vote first.

    Those whose text is kept; one over `most_chars` is left out.
    """
    texts, asked = interaction_texts.c, interactions.c
    query = (
        select(texts.query, func.max(feedback.c.at_utc).label("last"))
        .join(interactions, asked.response == texts.response)
        .join(feedback, feedback.c.response == texts.response)
        .where(feedback.c.thumb == Thumb.DOWN.value, asked.adapter == adapter, asked.endpoint.in_(CHATS))
        .where(texts.query != "", func.length(texts.query) <= most_chars)
        .group_by(texts.query)
        .order_by(func.max(feedback.c.at_utc).desc(), texts.query)
        .limit(count)
    )
    return [str(row.query) for row in connection.execute(query)]


def rated(connection: Connection) -> list[RatedAnswer]:
    """Thumbs on answers to an assistant that passages were shown for and whose question is kept, oldest first."""
    texts, asked = interaction_texts.c, interactions.c
    query = (
        select(texts.query, feedback.c.thumb, asked.sources)
        .join(interactions, asked.response == feedback.c.response)
        .join(interaction_texts, texts.response == feedback.c.response)
        .where(texts.query != "", asked.sources != "[]", asked.endpoint.in_(CHATS))
        .order_by(feedback.c.at_utc, feedback.c.response, feedback.c.client)
    )
    return [
        RatedAnswer(row.query, Thumb(row.thumb), from_json(tuple[SourceUse, ...], row.sources))
        for row in connection.execute(query)
    ]


def _vote(row) -> Vote:  # type: ignore[no-untyped-def] # a row of the select above
    whole = (row.status, row.flaw) == (Status.OK, Flaw.NONE) and row.endpoint in CHATS
    shown = from_json(tuple[SourceUse, ...], row.sources)
    return Vote(
        response=ResponseId(row.response),
        client=row.client,
        at_utc=row.at_utc,
        thumb=Thumb(row.thumb),
        asker=row.asker,
        adapter=AdapterVersion(row.adapter),
        whole=whole,
        question=row.query or "",
        answer=row.answer or "",
        documents=tuple(sorted({source.document for source in shown})),
    )
