"""Adapters as lists and the drawn lineage show them: rows without their documents, and the documents page by page.

Called by the dashboard. `adapters.get` reads every document of an adapter: with hundreds of nights too much for a page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from web4_agent.domain.adapters import AdapterState
from web4_agent.domain.ids import AdapterVersion, DocumentId, RunId
from web4_agent.records.adapters import adapter_documents, adapters, pointer_moves


@dataclass(frozen=True, slots=True)
class AdapterLine:
    """An adapter without its documents."""

    version: AdapterVersion
    parent: AdapterVersion | None
    state: AdapterState
    run: RunId | None
    scale: float
    created_utc: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """The pointer went from `source` (None: the first) to `target`."""

    at_utc: datetime
    source: AdapterVersion | None
    target: AdapterVersion
    reason: str


def every(connection: Connection) -> list[AdapterLine]:
    """All adapters, newest first: one short row each."""
    columns = adapters.c
    query = select(columns.version, columns.parent, columns.state, columns.run, columns.scale, columns.created_utc)
    rows = connection.execute(query.order_by(columns.created_utc.desc(), columns.version.desc()))
    return [
        AdapterLine(row.version, row.parent, AdapterState(row.state), row.run, row.scale, row.created_utc)
        for row in rows
    ]


def document_counts(connection: Connection, versions: Sequence[AdapterVersion]) -> dict[AdapterVersion, int]:
    """How many documents the own night of each of these (a few hundred at most) added."""
    of = adapter_documents.c.adapter
    query = select(of, func.count()).where(of.in_(versions)).group_by(of)
    return {AdapterVersion(row[0]): int(row[1]) for row in connection.execute(query)}


def documents_of(connection: Connection, version: AdapterVersion, skip: int, most: int) -> list[DocumentId]:
    """The documents that this adapter's own night added, by name."""
    query = select(adapter_documents.c.document).where(adapter_documents.c.adapter == version)
    rows = connection.execute(query.order_by(adapter_documents.c.document).offset(skip).limit(most))
    return [DocumentId(name) for name in rows.scalars()]


def count_moves(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(pointer_moves)).scalar_one())


def moves(connection: Connection, skip: int, most: int) -> list[Move]:
    """Moves of the pointer, newest first."""
    query = select(pointer_moves).order_by(pointer_moves.c.number.desc()).offset(skip).limit(most)
    return [Move(row.at_utc, row.source, row.target, row.reason) for row in connection.execute(query)]
