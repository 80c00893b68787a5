"""What every vector store refuses, so that all of them refuse the same. Called by the stores alone."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.vectors.base import Metadata, VectorEntry
from web4_agent.domain.errors import VectorStoreError

DOCUMENT_KEY = "document"
"""The metadata key under which stores keep an entry's document; no entry may bring one of its own."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]")
_HINT = "web4-agent doctor"


def check_name(collection: str) -> None:
    """Names are 3 to 63 of a-z, 0-9, _ and -, with a letter or digit at both ends: what all stores can hold."""
    if not _NAME.fullmatch(collection):
        raise VectorStoreError(
            f"{collection!r} is no name for a collection", "use 3 to 63 of a-z, 0-9, _ and -, as in pdca_historical"
        )


def check_entries(entries: Sequence[VectorEntry], vectors: NDArray[np.float32]) -> None:
    """One finite vector of length above zero for each entry, no id twice, no metadata key of the store's own."""
    if vectors.ndim != 2 or len(vectors) != len(entries):
        raise VectorStoreError(f"{len(entries)} entries came with vectors of shape {vectors.shape}", _HINT)
    if len({entry.id for entry in entries}) != len(entries):
        raise VectorStoreError("the same chunk came twice in one write", _HINT)
    if any(DOCUMENT_KEY in entry.metadata for entry in entries):
        raise VectorStoreError(f"metadata may not hold the key {DOCUMENT_KEY!r}", _HINT)
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise VectorStoreError("a vector has no direction: zero or not finite", _HINT)


def check_dimension(collection: str, expected: int, found: int) -> None:
    if expected != found:
        raise VectorStoreError(
            f"{collection} holds vectors of {expected} numbers, not {found}: it was written by another embedder",
            "web4-agent doctor --fix",
        )


def matches(entry: VectorEntry, where: Metadata | None) -> bool:
    """Equal in type, too: True is not 1."""
    return all(
        key in entry.metadata and type(entry.metadata[key]) is type(value) and entry.metadata[key] == value
        for key, value in (where or {}).items()
    )
