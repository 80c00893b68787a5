"""Reciprocal rank fusion: one order out of several whose scores can't be compared."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

RANK_OFFSET = 60
"""k of Cormack, Clarke and Büttcher (SIGIR 2009): how little the very first places count above the next ones."""

Item = TypeVar("Item", bound=Hashable)


def fuse(rankings: Sequence[Sequence[Item]], rank_offset: int = RANK_OFFSET) -> dict[Item, float]:
    """Score of every item that is in any ranking (best first, none twice): the sum of 1 / (offset + rank), rank from 1.

    Best first; equal scores stay in the order in which the rankings name them.
    """
    scores: dict[Item, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (rank_offset + rank)
    return dict(sorted(scores.items(), key=lambda scored: -scored[1]))
