"""Writes references and their chunks into the ledger, and takes them out again, in the caller's transaction.

Called by the flows that index folders and tool packs, so that both leave the same trace.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from web4_agent.domain.documents import Chunk
from web4_agent.domain.ids import DocumentId
from web4_agent.records import chunks, references, rejections
from web4_agent.records.references import Reference


def put_reference(connection: Connection, row: Reference, pieces: Sequence[Chunk]) -> None:
    """In place of its former self, and of a rejection it may have had."""
    references.put(connection, row)
    chunks.replace(connection, row.id, row.content_hash, pieces)
    rejections.clear(connection, row.id)


def remove_references(connection: Connection, ids: Sequence[DocumentId]) -> None:
    references.remove(connection, ids)
    chunks.remove_all(connection, ids)
