"""All vectors of a shelf in one matrix: the rows nearest to a question, exactly or nearly so.

Called by the shelf. Knows rows and numbers, no chunks and no texts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Kept = NDArray[np.bool_]

EXACT_ROWS = 8_000
"""Up to so many rows are compared in full: 12 MB of numbers, 1 ms."""
SHORTLIST = 1_000
"""Rows compared in full among more than that. Of the true nearest 40 of 100,000, on vectors around those of a real
journal, 99.5 % are among them (400: 98 %, 2,000: 99.8 % at three times the time)."""
_FAR = np.uint16(np.iinfo(np.uint16).max)


@dataclass(frozen=True, slots=True)
class Vectors:
    """`unit`: (rows, dimension), of length one. `signs[word]` holds 64 signs of every row: on which side of the mean it
    lies in each direction. Comparing signs reads a thirty-second part of the memory."""

    unit: NDArray[np.float32]
    centre: NDArray[np.float32]
    signs: NDArray[np.uint64]

    @staticmethod
    def of(unit: NDArray[np.float32]) -> "Vectors":
        """From vectors of length one. Half a second for 100,000."""
        centre = unit.mean(axis=0) if len(unit) else np.zeros(unit.shape[1], dtype=np.float32)
        return Vectors(unit, centre, np.ascontiguousarray(_signs(unit, centre).T))

    def nearest(
        self, vector: NDArray[np.float32], count: int, kept: Kept | None = None
    ) -> tuple[Rows, NDArray[np.float32]]:
        """At most `count` rows among those kept, best first, and their cosines. `kept`: one truth for each row."""
        rows = self._shortlist(vector, max(count, SHORTLIST), kept)
        near = self.similarity(vector, rows)
        best = np.argsort(-near, kind="stable")[:count]
        return rows[best], near[best]

    def similarity(self, vector: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
        """Cosines of a few thousand rows, in this thread alone.

        A matrix product's own threads wait busily when they are done and take the cores from the embedder, which
        doubles the time of the next question.
        """
        unit = self.unit if len(rows) == len(self.unit) else self.unit[rows]
        found: NDArray[np.float32] = np.einsum("ij,j->i", unit, vector)
        return found

    def _shortlist(self, vector: NDArray[np.float32], length: int, kept: Kept | None) -> Rows:
        among = np.arange(len(self.unit)) if kept is None else np.flatnonzero(kept)
        if len(among) <= max(EXACT_ROWS, length):
            return among
        far = self._differences(vector)
        if kept is not None:
            far[~kept] = _FAR
        return np.sort(np.argpartition(far, length)[:length])

    def _differences(self, vector: NDArray[np.float32]) -> NDArray[np.uint16]:
        """In how many directions each row lies on another side of the mean than `vector`."""
        asked = _signs(vector.reshape(1, -1), self.centre)[0]
        found = np.zeros(len(self.unit), dtype=np.uint16)
        for column, word in zip(self.signs, asked, strict=True):
            found += np.bitwise_count(column ^ word)
        return found


def _signs(vectors: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Shape (rows, words): directions are filled up to a multiple of 64."""
    bits = np.packbits(vectors > centre, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)
