"""The tables of forgetting: what was asked, what may not come back, and which nights are to be replayed without it.

Of a forgotten document hashes are kept, never its name. The deletions themselves are in `erasures`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Float,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    delete,
    insert,
    or_,
    select,
    update,
)

from web4_agent.domain.ids import ContentHash, DocumentId, RunId
from web4_agent.storage.columns import UtcDateTime
from web4_agent.storage.database import metadata

forgettings = Table(
    "forgettings",
    metadata,
    Column("run", String(64), ForeignKey("runs.id"), primary_key=True),
    Column("requested_utc", UtcDateTime, nullable=False),
    Column("documents", Integer, nullable=False),
    Column("replay", String(8), nullable=False),
    Column("backups", Boolean, nullable=False),
)
forgotten = Table(
    "forgotten",
    metadata,
    Column("document_hash", String(64), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("run", String(64), ForeignKey("runs.id"), nullable=False),
    Column("forgotten_utc", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("document_hash", "content_hash"),
)
replays = Table(
    "replays",
    metadata,
    Column("run", String(64), ForeignKey("runs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("night", String(64), nullable=False),
    Column("day", Date, nullable=False),
    Column("seconds", Float, nullable=False),
    PrimaryKeyConstraint("run", "position"),
)
replay_documents = Table(
    "replay_documents",
    metadata,
    Column("run", String(64), ForeignKey("runs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("document", Text, nullable=False, index=True),
    Column("content_hash", String(64), nullable=False),
    PrimaryKeyConstraint("run", "position", "document", "content_hash"),
)


@dataclass(frozen=True, slots=True)
class Night:
    """A night to be lived through again: its former run, its day, the versions it had collected that are not forgotten,
    and how many seconds it took then."""

    run: RunId
    day: date
    documents: tuple[tuple[DocumentId, ContentHash], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Wish:
    """Whether a forgetting replays its nights (`now`, `later`, `never`), and removes backups that hold the document."""

    replay: str
    backups: bool


def hash_of(document: DocumentId) -> str:
    """What stays of a forgotten document's name."""
    return hashlib.sha256(document.encode()).hexdigest()


def put(connection: Connection, run: RunId, documents: int, wish: Wish, now: datetime) -> None:
    connection.execute(
        insert(forgettings).values(
            run=run, requested_utc=now, documents=documents, replay=wish.replay, backups=wish.backups
        )
    )


def wish_of(connection: Connection, run: RunId) -> Wish:
    row = connection.execute(select(forgettings).where(forgettings.c.run == run)).one()
    return Wish(row.replay, bool(row.backups))


def documents_of(connection: Connection, run: RunId) -> int:
    """How many documents were asked to be forgotten."""
    return int(connection.execute(select(forgettings.c.documents).where(forgettings.c.run == run)).scalar_one())


def replay_now(connection: Connection, run: RunId) -> None:
    """What was put off is due."""
    connection.execute(
        update(forgettings).where(forgettings.c.run == run, forgettings.c.replay == "later").values(replay="now")
    )


def put_forgotten(
    connection: Connection, run: RunId, rows: Sequence[tuple[DocumentId, ContentHash]], now: datetime
) -> None:
    """Bar these names and these contents from coming back. The content may be empty where only the name is known."""
    for document, content in sorted(set(rows)):
        key = {"document_hash": hash_of(document), "content_hash": content}
        connection.execute(delete(forgotten).filter_by(**key))
        connection.execute(insert(forgotten).values(**key, run=run, forgotten_utc=now))


def barred(connection: Connection) -> dict[str, datetime]:
    """When what was forgotten, by the hash of its name and by that of each of its contents."""
    found: dict[str, datetime] = {}
    for row in connection.execute(select(forgotten)):
        found[row.document_hash] = row.forgotten_utc
        if row.content_hash:
            found[row.content_hash] = row.forgotten_utc
    return found


def allow(connection: Connection, document: DocumentId) -> int:
    """Let a document of this name, and the contents forgotten under it, be indexed again. Returns how many versions."""
    return connection.execute(delete(forgotten).where(forgotten.c.document_hash == hash_of(document))).rowcount


def put_nights(connection: Connection, run: RunId, nights: Sequence[Night]) -> None:
    """The nights of this forgetting, in place of those it had."""
    connection.execute(delete(replay_documents).where(replay_documents.c.run == run))
    connection.execute(delete(replays).where(replays.c.run == run))
    for position, night in enumerate(nights):
        connection.execute(
            insert(replays).values(run=run, position=position, night=night.run, day=night.day, seconds=night.seconds)
        )
        if night.documents:
            connection.execute(
                insert(replay_documents),
                [
                    {"run": run, "position": position, "document": document, "content_hash": content}
                    for document, content in sorted(set(night.documents))
                ],
            )


def nights_of(connection: Connection, run: RunId) -> list[Night]:
    """The nights to replay, in order."""
    found = []
    for row in connection.execute(select(replays).where(replays.c.run == run).order_by(replays.c.position)).all():
        query = select(replay_documents.c.document, replay_documents.c.content_hash).where(
            replay_documents.c.run == run, replay_documents.c.position == row.position
        )
        collected = tuple((DocumentId(one[0]), ContentHash(one[1])) for one in connection.execute(query))
        found.append(Night(RunId(row.night), row.day, tuple(sorted(collected)), row.seconds))
    return found


def drop_from_nights(connection: Connection, rows: Sequence[tuple[DocumentId, ContentHash]]) -> None:
    """What is forgotten now is in no night of an earlier forgetting either."""
    for document, content in rows:
        connection.execute(
            delete(replay_documents).where(
                or_(replay_documents.c.document == document, replay_documents.c.content_hash == (content or None))
            )
        )
