"""Finding and deleting what the query log and its feedback say of documents that are to be forgotten.

Called by the flow of forgetting alone, inside its transactions. The figures of a query stay; its words go.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from web4_agent.domain.ids import DocumentId
from web4_agent.domain.queries import ResponseId
from web4_agent.records.document_uses import document_uses
from web4_agent.records.feedback import feedback
from web4_agent.records.interactions import interaction_texts, interactions

PAGE = 500
"""Values in one statement: below the limit of variables of every database."""
REPLACEMENT = "[forgotten]"


@dataclass(frozen=True, slots=True)
class Said:
    """One query with what was asked, answered and commented, to be looked through."""

    response: ResponseId
    at_utc: datetime
    text: str


def using(connection: Connection, names: Sequence[DocumentId]) -> set[ResponseId]:
    """Queries that were shown a passage of one of these documents."""
    found: set[ResponseId] = set()
    for name in names:
        written = json.dumps(name, ensure_ascii=False)
        query = select(interactions.c.response).where(interactions.c.sources.contains(written, autoescape=True))
        found |= {ResponseId(one) for one in connection.execute(query).scalars()}
    return found


def said(connection: Connection, since: datetime | None = None) -> Iterator[Said]:
    """What was asked, answered and commented, oldest first, from `since` on."""
    texts = interaction_texts
    query = select(texts.c.response, texts.c.at_utc, texts.c.query, texts.c.answer).order_by(texts.c.at_utc)
    comments = select(feedback.c.response, feedback.c.at_utc, feedback.c.comment).where(feedback.c.comment != "")
    if since is not None:
        query, comments = query.where(texts.c.at_utc >= since), comments.where(feedback.c.at_utc >= since)
    for row in connection.execute(query.execution_options(yield_per=1000)):
        yield Said(ResponseId(row.response), row.at_utc, f"{row.query}\n{row.answer}")
    for said_of in connection.execute(comments.execution_options(yield_per=1000)):
        yield Said(ResponseId(said_of.response), said_of.at_utc, said_of.comment)


def erase_queries(connection: Connection, responses: Iterable[ResponseId], names: Sequence[DocumentId]) -> int:
    """Delete the text of these queries and what was said about them; sources and uses name these documents no more.

    The figures of the queries stay. Returns how many had a text.
    """
    wiped = 0
    ordered = sorted(set(responses))
    for start in range(0, len(ordered), PAGE):
        page = ordered[start : start + PAGE]
        wiped += connection.execute(delete(interaction_texts).where(interaction_texts.c.response.in_(page))).rowcount
        connection.execute(update(feedback).where(feedback.c.response.in_(page)).values(comment=""))
        connection.execute(
            update(interactions).where(interactions.c.response.in_(page)).values(reason=REPLACEMENT, error="")
        )
    for response in sorted(using(connection, names)):
        told = connection.execute(
            select(interactions.c.sources).where(interactions.c.response == response)
        ).scalar_one()
        kept = [source for source in json.loads(told) if source["document"] not in names]
        connection.execute(
            update(interactions)
            .where(interactions.c.response == response)
            .values(sources=json.dumps(kept, ensure_ascii=False))
        )
    connection.execute(delete(document_uses).where(document_uses.c.document.in_(names)))
    return wiped
