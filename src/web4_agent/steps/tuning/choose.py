"""The search for the best policy: one group of figures at a time, each value of it tried while the others stay.

Called by the flow with the worth of a policy on the half to tune on. Figures that work on each other (how many are
shown, and from which share of the best score on) are tried together. The groups are gone through again until a whole
round changes nothing: some hundreds of policies instead of tens of thousands.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from web4_agent.domain.documents import SectionKind
from web4_agent.domain.retrieval import RetrievalPolicy

STEP = 0.0005
"""A policy that is better by no more than this is not taken: of equals the one in force stays."""
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

Worth = Callable[[RetrievalPolicy], float]


@dataclass(frozen=True, slots=True)
class Chosen:
    """`whole`: the search came to its end, and was not cut short by time."""

    policy: RetrievalPolicy
    tried: int
    whole: bool


def choose(
    start: RetrievalPolicy,
    worth: Worth,
    goes_on: Callable[[], bool] = lambda: True,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Chosen:
    """The best policy found from `start` on. `goes_on` is asked before each; `told` hears how many were tried of how
    many at least."""
    best, most, tried = start, worth(start), 1
    seen = {start}
    each = sum(len(group) for group in groups(start))
    for round_ in range(MOST_ROUNDS):
        before = best
        for at in range(len(groups(best))):
            for policy in groups(best)[at]:
                if policy in seen:
                    continue
                if not goes_on():
                    return Chosen(best, tried, whole=False)
                seen.add(policy)
                tried += 1
                value = worth(policy)
                if value > most + STEP:
                    best, most = policy, value
                told(tried, max(tried, (round_ + 1) * each))
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
