"""The journal in memory as it would be had nobody written the questions into it: sections, vectors, words.

Called by the story. Reads the ledger and the vector store and writes neither. Vectors of sections that are as they were
come from the store; what a question was cut out of is embedded, and so is everything when sections have another length.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.documents import Chunk, Document
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.domain.queries import RatedAnswer
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.flows.tuning.parts import TuningParts
from web4_agent.records import chunks, documents, feedback, passages, policies
from web4_agent.records.passages import ChunkKey, Shown
from web4_agent.steps.journal.chunk import chunk_document
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.retrieval.lexicon import Lexicon
from web4_agent.steps.retrieval.library import TOOL_EXAMPLES
from web4_agent.steps.retrieval.shelf import Shelf, make_shelf
from web4_agent.steps.retrieval.stock import collection_of

BATCH = 64
"""Texts embedded between two looks at the clock."""
_UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing that is looked up here depends on the day of a document that names none."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What the ledger and the vector store hold. `journal` are the documents that can be shown and parsed; `kept` the
    sections of everything else that is looked up. `version` of the policy is in force."""

    version: int
    policy: RetrievalPolicy
    shown: Mapping[DocumentId, Shown]
    journal: tuple[Document, ...]
    kept: tuple[Chunk, ...]
    rated: tuple[RatedAnswer, ...]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """`tokens[row]` are those of the shelf's row."""

    shelf: Shelf
    lexicon: Lexicon
    tokens: NDArray[np.int64]


@dataclass
class Vectors:
    """Vectors by text: those of the store, and what was embedded since. `seconds` and `embedded` tell the pace."""

    parts: TuningParts
    known: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    embedded: int = 0
    reused: int = 0
    seconds: float = 0.0

    def of(self, texts: Sequence[str], step: str) -> NDArray[np.float32]:
        """(texts, dimension), in order. Tells the watcher how far it is and how long it takes still."""
        new = list(dict.fromkeys(text for text in texts if text not in self.known))
        self.reused += len(texts) - len(new)
        embedder, started = self.parts.embedder(), self.parts.clock()
        for start in range(0, len(new), BATCH):
            some = new[start : start + BATCH]
            self.known |= dict(zip(some, embedder.embed(some), strict=True))
            done, took = start + len(some), self.parts.clock() - started
            self.parts.watcher.advanced(step, done, len(new), took / done * (len(new) - done), "texts embedded")
        self.embedded += len(new)
        self.seconds += self.parts.clock() - started
        dimension = embedder.dimension
        return np.stack([self.known[text] for text in texts]) if texts else np.zeros((0, dimension), np.float32)

    def seconds_for(self, texts: int) -> float:
        """At the pace so far."""
        return texts * self.seconds / self.embedded if self.embedded else 0.0


def read_copy(parts: TuningParts) -> tuple[Copy, Vectors]:
    """Everything that is needed of ledger and store, in one look at each. Raises VectorStoreError, DatabaseError."""
    with parts.database.read() as connection:
        version = policies.number_in_force(connection)
        applied = policies.find(connection, version)
        shown = {
            name: one
            for name, one in passages.shown(connection).items()
            if one.ok_to_retrieve and collection_of(one) != TOOL_EXAMPLES
        }
        rows = {row.id: row for row in documents.in_state(connection, *documents.LIVE) if _is(row, shown)}
        pieces = chunks.of_documents(connection, list(shown))
        rated = feedback.rated(connection)
    read = {name: parse_again(name, row.text.encode("utf-8")) for name, row in rows.items()}
    journal = tuple(one for one in read.values() if one is not None)
    parsed = {one.id for one in journal}
    kept = tuple(one for one in pieces if one.document not in parsed)
    policy = applied.policy if applied is not None else parts.settings
    vectors = Vectors(parts, _stored(parts, shown, pieces))
    return Copy(version, policy, shown, journal, kept, tuple(rated)), vectors


def hold_out(copy: Copy, journal: Sequence[Document], vectors: Vectors, tokens: int, step: str) -> HeldOut:
    """`journal` without the questions' words, cut into sections of at most `tokens`, with what else is looked up."""
    parts = vectors.parts
    pieces = cut(parts, journal, tokens, step)
    every = sorted([*pieces, *copy.kept], key=lambda one: (one.document, one.position))
    texts = [one.text for one in every]
    unit = vectors.of(texts, step)
    keys = [ChunkKey(one.id, one.document, one.kind) for one in every]
    shown = {key.document: copy.shown[key.document] for key in keys}
    shelf = make_shelf(shown, {name: collection_of(one) for name, one in shown.items()}, keys, unit)
    by_document: dict[DocumentId, list[Chunk]] = {}
    for one in every:
        by_document.setdefault(one.document, []).append(one)
    lexicon = Lexicon(parts.make_index)
    lexicon.follow(None, shelf, lambda names: [one for name in names for one in by_document[name]])
    return HeldOut(shelf, lexicon, np.array(parts.embedder().token_counts(texts), dtype=np.int64))


def parse_again(name: DocumentId, content: bytes) -> Document | None:
    """A document's text as the ledger keeps it, or a part of it; None where it is none any more."""
    parsed = parse_document(name, content, modified_utc=_UNDATED)
    return parsed if isinstance(parsed, Document) else None


def cut(parts: TuningParts, journal: Sequence[Document], tokens: int, step: str) -> list[Chunk]:
    embedder, pieces = parts.embedder(), list[Chunk]()
    for at, document in enumerate(journal, start=1):
        pieces += chunk_document(document, embedder.token_counts, tokens)
        parts.watcher.advanced(step, at, len(journal), None, "documents cut into sections")
    return pieces


def _is(row: documents.DocumentRow, shown: Mapping[DocumentId, Shown]) -> bool:
    return row.id in shown and shown[row.id].content_hash == row.content_hash


def _stored(
    parts: TuningParts, shown: Mapping[DocumentId, Shown], pieces: Sequence[Chunk]
) -> dict[str, NDArray[np.float32]]:
    """By text, of unit length. One of another embedder's length is not taken."""
    ids: dict[str, list[ChunkId]] = {}
    for one in pieces:
        ids.setdefault(collection_of(shown[one.document]), []).append(one.id)
    found: dict[ChunkId, NDArray[np.float32]] = {}
    store = parts.open_store()
    try:
        for name, some in ids.items():
            found |= store.vectors(name, some)
    finally:
        store.close()
    dimension = parts.embedder().dimension
    text_of = {one.id: one.text for one in pieces}
    return {
        text_of[chunk]: vector / max(float(np.linalg.norm(vector)), 1e-12)
        for chunk, vector in found.items()
        if vector.shape == (dimension,)
    }
