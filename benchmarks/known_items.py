"""A journal's folder as documents, and the exam made from them: for the benchmarks of retrieval."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.discover import find_documents
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.tuning import known_items
from web4_agent.steps.tuning.known_items import Exam, KnownItem, is_tuning

__all__ = ["Exam", "KnownItem", "is_tuning", "make_exam", "read_journal"]


def read_journal(root: Path) -> tuple[Document, ...]:
    read = (_parsed(one.id, one.path.read_bytes()) for one in find_documents(root).documents)
    return tuple(document for document in read if document is not None)


def make_exam(documents: Sequence[Document]) -> Exam:
    return known_items.make_exam(documents, _parsed)


def _parsed(name: DocumentId, content: bytes) -> Document | None:
    parsed = parse_document(name, content, modified_utc=datetime(2026, 1, 1, tzinfo=UTC))
    return parsed if isinstance(parsed, Document) else None
