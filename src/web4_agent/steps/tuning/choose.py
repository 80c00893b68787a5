"""The search for the best policy: one group of figures at a time, each value of it tried while the others stay.

Called by the flow with the worth of a policy on the half to tune on. A change is taken where its gain is more than its
standard error over the documents, the surest of a group first. Figures that work on each other (how many are
shown, and from which share of the best score on) are tried together. The groups are gone through again until a whole
round changes nothing: some hundreds of policies instead of tens of thousands.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.documents import SectionKind
from web4_agent.domain.retrieval import RetrievalPolicy

STEP = 0.0005
"""A policy whose sure gain is no more than this is not taken: of equals the one in force stays."""
MOST_ROUNDS = 4

RESULTS = (1, 2, 3, 4, 5, 6, 8)
SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SIMILARITIES = (-1.0, 0.2, 0.25, 0.28, 0.3, 0.33, 0.36, 0.4, 0.45)
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
CANDIDATES = (20, 40, 80)
LEFT_OUT: tuple[tuple[str, ...], ...] = (
    (),
    (SectionKind.LINKS,),
    (SectionKind.LINKS, SectionKind.META),
    (SectionKind.LINKS, SectionKind.META, SectionKind.PROCESS),
)
"""Kinds of section that say the same in many documents. Plain strings, as a policy is stored."""

Worths = Callable[[RetrievalPolicy], NDArray[np.float64]]
"""The worth of a policy on each document of the half to tune on, in the same order every time."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """`whole`: the search came to its end, and was not cut short by time."""

    policy: RetrievalPolicy
    tried: int
    whole: bool


def choose(
    start: RetrievalPolicy,
    worths: Worths,
    goes_on: Callable[[], bool] = lambda: True,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Chosen:
    """The policy that `start` is most surely improved to. `goes_on` is asked before each; `told` hears how many were
    tried of how many at least."""
    best, now, tried = start, worths(start), 1
    seen = {start}
    each = sum(len(group) for group in groups(start))
    for round_ in range(MOST_ROUNDS):
        before = best
        for at in range(len(groups(best))):
            gains: list[tuple[float, RetrievalPolicy, NDArray[np.float64]]] = []
            for policy in groups(best)[at]:
                if policy in seen:
                    continue
                if not goes_on():
                    return Chosen(_surest(gains, best, now)[0], tried, whole=False)
                seen.add(policy)
                tried += 1
                found = worths(policy)
                gains.append((_sure_gain(found - now), policy, found))
                told(tried, max(tried, (round_ + 1) * each))
            best, now = _surest(gains, best, now)
        if best == before:
            break
    return Chosen(best, tried, whole=True)


def groups(around: RetrievalPolicy) -> Sequence[Sequence[RetrievalPolicy]]:
    """What to try around a policy, group by group. What takes a new search of every question comes last."""
    return (
        [replace(around, results=results, share=share) for results, share in product(RESULTS, SHARES)],
        [replace(around, section_words=one, document_words=other) for one, other in _weights(around)],
        [replace(around, similarity=similarity) for similarity in SIMILARITIES],
        [replace(around, candidates=candidates) for candidates in CANDIDATES],
        [replace(around, left_out=tuple(str(kind) for kind in kinds)) for kinds in LEFT_OUT],
    )


def _weights(around: RetrievalPolicy) -> Iterator[tuple[float, float]]:
    """Of both searches by words, against that by meaning, whose weight stays."""
    for one, other in product(WEIGHTS, WEIGHTS):
        if one + other + around.meaning:
            yield one, other


def _surest(
    gains: Sequence[tuple[float, RetrievalPolicy, NDArray[np.float64]]],
    best: RetrievalPolicy,
    now: NDArray[np.float64],
) -> tuple[RetrievalPolicy, NDArray[np.float64]]:
    most = max(gains, key=lambda one: one[0], default=None)
    return (most[1], most[2]) if most is not None and most[0] > STEP else (best, now)


def _sure_gain(differences: NDArray[np.float64]) -> float:
    """The mean less one standard error: of two hundred policies the one with the highest mean is mostly lucky."""
    return float(differences.mean() - differences.std(ddof=1) / len(differences) ** 0.5)
