"""An embedder without a model: words hashed into a vector. Ships for tests, dry runs and demonstrations.

Texts that share words are near to each other and equal texts are equal; meaning beyond words is lost on it.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


class ScriptedEmbedder:
    """Deterministic across processes and machines. A token is a word; two special ones are counted, as models do."""

    def __init__(self, dimension: int = 64, max_tokens: int = 256) -> None:
        self._dimension = dimension
        self._max_tokens = max_tokens

    @property
    def name(self) -> str:
        return f"scripted-{self._dimension}"

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _words(text)[: self._max_tokens - 2]:
                place, sign = self._place(word)
                vectors[row, place] += sign
            vectors[row, 0] += 1e-3  # so that a text without words, too, has a direction
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        return [len(_words(text)) + 2 for text in texts]

    def _place(self, word: str) -> tuple[int, float]:
        digest = hashlib.blake2b(word.encode("utf-8"), digest_size=8).digest()
        return 1 + int.from_bytes(digest[:4], "big") % (self._dimension - 1), 1.0 if digest[4] & 1 else -1.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
