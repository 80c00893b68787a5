"""The samples and held_out tables: what each night trained on, in order, and what it kept back to measure itself by."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import (
    Column,
    Connection,
    Date,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
)

from web4_agent.domain.ids import DocumentId, RunId
from web4_agent.domain.runs import RunState
from web4_agent.domain.samples import HeldOut, Sample
from web4_agent.records.runs import runs
from web4_agent.storage.database import metadata

samples = Table(
    "samples",
    metadata,
    Column("run", String(64), ForeignKey("runs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("sample", String(64), nullable=False),
    Column("document", Text, index=True),
    Column("kind", String(16), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("other", Text),
    Column("times", Integer, nullable=False, server_default="1"),
    PrimaryKeyConstraint("run", "position"),
)
held_out = Table(
    "held_out",
    metadata,
    Column("run", String(64), ForeignKey("runs.id"), nullable=False),
    Column("item", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("run", "item"),
)


def put(connection: Connection, run: RunId, trained: Sequence[Sample], times: int = 1) -> None:
    """`times`: how often the night puts each through, its epochs."""
    connection.execute(delete(samples).where(samples.c.run == run))
    if trained:
        connection.execute(
            insert(samples),
            [
                {
                    "run": run,
                    "position": position,
                    "sample": sample.id,
                    "document": sample.document,
                    "kind": sample.kind,
                    "origin": sample.origin,
                    "content_hash": sample.content_hash,
                    "other": sample.other,
                    "times": times,
                }
                for position, sample in enumerate(trained)
            ],
        )


def exposures(connection: Connection, nights: Collection[RunId]) -> dict[DocumentId, int]:
    """How often these runs put a sample of each document through, epochs and samples between two documents included."""
    found: Counter[DocumentId] = Counter()
    for document in (samples.c.document, samples.c.other):
        query = (
            select(document, samples.c.run, func.sum(samples.c.times))
            .where(document.is_not(None))
            .group_by(document, samples.c.run)
        )
        for name, run, count in connection.execute(query):
            if run in nights:
                found[DocumentId(name)] += int(count)
    return dict(found)


def last_seen(connection: Connection) -> dict[DocumentId, RunId]:
    """The latest promoted run that trained on each document."""
    query = (
        select(samples.c.document, samples.c.run)
        .join(runs, runs.c.id == samples.c.run)
        .where(samples.c.document.is_not(None), runs.c.state == RunState.PROMOTED)
        .distinct()
        .order_by(runs.c.started_utc)
    )
    return {row[0]: row[1] for row in connection.execute(query.add_columns(runs.c.started_utc))}


def by_night(
    connection: Connection, documents: Sequence[DocumentId], nights: Sequence[RunId]
) -> dict[DocumentId, dict[RunId, int]]:
    """How many samples of each of these documents each of these runs trained on, replayed ones too."""
    query = (
        select(samples.c.document, samples.c.run, func.count())
        .where(samples.c.document.in_(documents), samples.c.run.in_(nights))
        .group_by(samples.c.document, samples.c.run)
    )
    found: dict[DocumentId, dict[RunId, int]] = {}
    for document, run, count in connection.execute(query):
        found.setdefault(DocumentId(document), {})[RunId(run)] = int(count)
    return found


def put_held_out(connection: Connection, run: RunId, items: Sequence[HeldOut], days: dict[DocumentId, date]) -> None:
    connection.execute(delete(held_out).where(held_out.c.run == run))
    if items:
        connection.execute(
            insert(held_out),
            [
                {"run": run, "item": item.id, "document": item.document, "day": days[item.document], "text": item.text}
                for item in items
                if item.document is not None
            ],
        )


def held_out_before(connection: Connection, day: date) -> list[HeldOut]:
    """What promoted nights of earlier days kept back, by day and item."""
    query = (
        select(held_out)
        .join(runs, runs.c.id == held_out.c.run)
        .where(held_out.c.day < day, runs.c.state == RunState.PROMOTED)
        .order_by(held_out.c.day, held_out.c.item)
    )
    return [HeldOut(row.item, "other days", row.text, row.document) for row in connection.execute(query)]
