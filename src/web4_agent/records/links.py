"""The links table: the breadcrumb graph. A link that names no known document keeps the name it looked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    union,
    update,
)

from web4_agent.domain.documents import LinkKind
from web4_agent.domain.ids import DocumentId
from web4_agent.storage.database import metadata

links = Table(
    "links",
    metadata,
    Column("source", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("target_name", Text, nullable=False, index=True),
    Column("target", Text, index=True),
    Column("url", Text, nullable=False),
    PrimaryKeyConstraint("source", "position"),
)


@dataclass(frozen=True, slots=True)
class LinkRow:
    source: DocumentId
    kind: LinkKind
    target_name: str
    target: DocumentId | None
    url: str


def replace(connection: Connection, source: DocumentId, rows: Sequence[LinkRow]) -> None:
    connection.execute(delete(links).where(links.c.source == source))
    if rows:
        connection.execute(
            insert(links),
            [
                {
                    "source": source,
                    "position": position,
                    "kind": row.kind,
                    "target_name": row.target_name,
                    "target": row.target,
                    "url": row.url,
                }
                for position, row in enumerate(rows)
            ],
        )


def resolve_waiting(connection: Connection, name: str, target: DocumentId) -> int:
    """Links written before their target was known find it now. Returns how many did."""
    return connection.execute(
        update(links)
        .where(links.c.target_name == name, links.c.target.is_(None), links.c.source != target)
        .values(target=target)
    ).rowcount


def previous(connection: Connection) -> dict[DocumentId, DocumentId]:
    """For each document that names one, or that one before it names as its next: the document before it."""
    told = (LinkKind.PREVIOUS, LinkKind.NEXT)
    query = select(links.c.kind, links.c.source, links.c.target).where(
        links.c.kind.in_(told), links.c.target.is_not(None), links.c.target != links.c.source
    )
    found: dict[DocumentId, DocumentId] = {}
    for row in connection.execute(query.order_by(links.c.kind)):  # 'next' first: a document's own word comes last
        later, earlier = (row.source, row.target) if row.kind == LinkKind.PREVIOUS else (row.target, row.source)
        found[later] = earlier
    return found


def chain(connection: Connection, document: DocumentId, depth: int, *, later: bool) -> list[tuple[DocumentId, int]]:
    """Documents that came after `document` (or before it) by the links between them, and in how many steps, up to
    `depth`: nearest first, then by id. Each comes once, at its least distance, and `document` itself never, also where
    links run in a circle."""
    steps = union(
        select(links.c.target.label("earlier"), links.c.source.label("later")).where(
            links.c.kind == LinkKind.PREVIOUS, links.c.target.is_not(None)
        ),
        select(links.c.source.label("earlier"), links.c.target.label("later")).where(
            links.c.kind == LinkKind.NEXT, links.c.target.is_not(None)
        ),
    ).subquery("steps")
    here, there = (steps.c.earlier, steps.c.later) if later else (steps.c.later, steps.c.earlier)
    reached = select(literal(document, Text).label("document"), literal(0, Integer).label("far")).cte(
        "reached", recursive=True
    )
    # UNION, not UNION ALL: a circle brings the same row again, which is then dropped.
    reached = reached.union(
        select(there, reached.c.far + 1)
        .join_from(reached, steps, here == reached.c.document)
        .where(reached.c.far < depth)
    )
    far = func.min(reached.c.far)
    query = (
        select(reached.c.document, far)
        .where(reached.c.document != document)
        .group_by(reached.c.document)
        .order_by(far, reached.c.document)
    )
    return [(DocumentId(row[0]), int(row[1])) for row in connection.execute(query)]


def counts(connection: Connection) -> tuple[int, int]:
    """(links, links whose target is known)."""
    row = connection.execute(select(func.count(), func.count(links.c.target)).select_from(links)).one()
    return int(row[0]), int(row[1])


def remove(connection: Connection, document: DocumentId) -> None:
    connection.execute(delete(links).where(links.c.source == document))
    connection.execute(update(links).where(links.c.target == document).values(target=None))
