"""What a look-up takes into account, and what it finds. Shared by library, ranking and context; knows no store."""

from dataclasses import dataclass

from web4_agent.backends.vectors.base import Metadata
from web4_agent.domain.ids import ChunkId, DocumentId


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
