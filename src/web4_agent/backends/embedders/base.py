"""The embedder seam."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    @property
    def name(self) -> str:
        """Model and version; part of a collection's identity: another name means re-indexing."""

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (len(texts), dimension), in order. Longer texts are cut at `max_tokens`."""

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text with the special ones, uncut: what the chunker holds against `max_tokens`."""

    @property
    def max_tokens(self) -> int: ...
