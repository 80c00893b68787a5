"""The documents that speak of a question: nearest by meaning and best by words, fused, at most one passage of each.

Called by the day's flow, which hands over the lexical search of the ledger. Knows no SQL and no prompt.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import Match, Metadata, VectorStore
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.steps.retrieval.fuse import RANK_OFFSET, fuse

LexicalSearch = Callable[[str, int], list[tuple[ChunkId, float]]]
"""(question, count) -> the best chunks by words, best first, with a score of which more is better."""


@dataclass(frozen=True, slots=True)
class SearchPolicy:
    """`candidates`: chunks taken from each search. `similarity`: a document of whose candidates none comes up to it is
    left out, however well its words fit, so that nothing irrelevant is injected.

    The threshold is for all-MiniLM-L6-v2. Over 119 documents the document asked for has 0.35 or more for each of 85
    questions with a known answer (median 0.63 and 0.71), and the best of all chunks at most 0.31 for 14 of 15 questions
    that have nothing to do with the journal.
    """

    candidates: int = 40
    similarity: float = 0.33
    rank_offset: int = RANK_OFFSET


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A document and its best passage. `similarity` is the passage's cosine, `score` the fused one."""

    document: DocumentId
    chunk: ChunkId
    collection: str
    text: str
    similarity: float
    score: float
    metadata: Metadata


DEFAULT = SearchPolicy()


def search(
    question: str,
    embedder: Embedder,
    store: VectorStore,
    collections: Sequence[str],
    lexical: LexicalSearch | None = None,
    *,
    count: int = 3,
    where: Metadata | None = None,
    policy: SearchPolicy = DEFAULT,
) -> list[Retrieved]:
    """At most `count` documents, best first, one passage each; none whose metadata say it is not ok to retrieve.

    Chunks that only the lexical search found are read from the collections and compared, so that the same threshold
    holds for all. A chunk that the ledger knows and no collection holds is left out. Raises VectorStoreError.
    """
    if not question.strip() or count < 1:
        return []
    vector = embedder.embed([question])[0]
    dense = _found(
        (name, match) for name in collections for match in store.query(name, vector, policy.candidates, where)
    )
    by_words = [chunk for chunk, _ in lexical(question, policy.candidates)] if lexical else []
    unread = [chunk for chunk in by_words if chunk not in dense]
    read = _found(
        (name, match)
        for name in (collections if unread else ())
        for match in store.query(name, vector, len(unread), where, unread)
    )
    known = dense | read
    by_meaning = sorted(dense, key=lambda chunk: -dense[chunk].similarity)[: policy.candidates]
    return _ranked(known, [by_meaning, [chunk for chunk in by_words if chunk in known]], policy)[:count]


def _found(matches: Iterable[tuple[str, Match]]) -> dict[ChunkId, Retrieved]:
    """The retrievable ones by chunk; one that is on its way between two collections counts once."""
    found: dict[ChunkId, Retrieved] = {}
    for collection, match in matches:
        entry = match.entry
        if entry.metadata.get("ok_to_retrieve", True) and entry.id not in found:
            found[entry.id] = Retrieved(
                entry.document, entry.id, collection, entry.text, match.similarity, 0.0, entry.metadata
            )
    return found


def _ranked(
    known: dict[ChunkId, Retrieved], rankings: Sequence[Sequence[ChunkId]], policy: SearchPolicy
) -> list[Retrieved]:
    """Documents in the order of their best chunk, which is shown. Summing over a document's chunks ranks no better."""
    passages: dict[DocumentId, Retrieved] = {}
    nearest: dict[DocumentId, float] = {}
    for chunk, score in fuse(rankings, policy.rank_offset).items():
        one = known[chunk]
        passages.setdefault(one.document, replace(one, score=score))
        nearest[one.document] = max(one.similarity, nearest.get(one.document, -1.0))
    return [passage for document, passage in passages.items() if nearest[document] >= policy.similarity]
