"""What a look-up finds. Shared by library and context; knows no store."""

from dataclasses import dataclass

from web4_agent.backends.vectors.base import Metadata
from web4_agent.domain.ids import ChunkId, DocumentId


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
