"""The vector-store seam. Collections are created when first written to; every write is idempotent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.ids import ChunkId, DocumentId

Metadata = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class VectorEntry:
    id: ChunkId
    document: DocumentId
    text: str
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Match:
    """`similarity` is the cosine, -1 to 1."""

    entry: VectorEntry
    similarity: float


class VectorStore(Protocol):
    """Raises VectorStoreError when the store is locked, broken or unreachable."""

    def upsert(self, collection: str, entries: Sequence[VectorEntry], vectors: NDArray[np.float32]) -> None:
        """Insert or replace by id. `vectors` has shape (len(entries), dimension)."""

    def query(
        self,
        collection: str,
        vector: NDArray[np.float32],
        count: int,
        where: Metadata | None = None,
        among: Sequence[ChunkId] | None = None,
    ) -> list[Match]:
        """The `count` nearest by cosine, best first; `where` keeps entries whose metadata equal it, `among` those with
        these ids (a few hundred at most; what another search found). An unknown collection is an empty one."""

    def vectors(self, collection: str, ids: Sequence[ChunkId]) -> dict[ChunkId, NDArray[np.float32]]:
        """The stored vectors, each of shape (dimension,), of those of the chunks that are there."""

    def ids(self, collection: str) -> dict[ChunkId, DocumentId]:
        """Every chunk in the collection and the document it is of."""

    def remove(self, collection: str, documents: Sequence[DocumentId]) -> None:
        """Remove every chunk of these documents; ones that are not there are no error."""

    def close(self) -> None: ...
