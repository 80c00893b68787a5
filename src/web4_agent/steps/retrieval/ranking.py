"""The documents on the shelf that speak of a question, by meaning and by words, and the best passage of each.

Called by the library. Knows the shelf and the lexicon, no database and no text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.steps.retrieval.dense import Kept
from web4_agent.steps.retrieval.filters import Filters
from web4_agent.steps.retrieval.fuse import fuse
from web4_agent.steps.retrieval.lexicon import Lexicon, within
from web4_agent.steps.retrieval.shelf import Shelf

SECTIONS = 2
"""Sections taken by words for each by meaning: several are of one document."""
UNRELATED = 0.1
"""The cosine that texts without anything in common have with all-MiniLM-L6-v2; only what is above it counts."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question in words and as a vector, and where its answer is looked for; `left_out` are kinds of section."""

    text: str
    vector: NDArray[np.float32]
    filters: Filters
    collections: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document by its place on the shelf, and the row of its best passage; higher scores are better."""

    place: int
    row: int
    similarity: float
    score: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What the searches saw of a question, before any policy weighs it. By a document's place: `near` the cosine of its
    nearest section, and three scores, each as a share of the best document's; `rows` its best passage, where a search
    named one."""

    near: dict[int, float]
    meaning: dict[int, float]
    section_words: dict[int, float]
    document_words: dict[int, float]
    rows: dict[int, int]


NOTHING_SEEN = Seen({}, {}, {}, {}, {})


def by_meaning_and_words(
    shelf: Shelf,
    lexicon: Lexicon,
    question: Question,
    count: int,
    policy: RetrievalPolicy,
    *,
    among: Kept | None = None,
) -> list[Ranked]:
    """At most `count` documents, best first: nearest sections, best sections by words and best documents by words.

    `among`: one truth a document, to look at these only.
    """
    seen = see(shelf, lexicon, question, policy.candidates, among=among)
    found = ((passage(shelf, question, at, seen.rows.get(at)), score) for at, score in ordered(seen, policy)[:count])
    return [replace(one, score=score) for one, score in found if one is not None]


def see(shelf: Shelf, lexicon: Lexicon, question: Question, candidates: int, *, among: Kept | None = None) -> Seen:
    """Search three times. What takes time is here; what a policy makes of it takes a tenth of a millisecond."""
    kept = shelf.kept(question.filters, question.collections)
    if among is not None:
        kept &= among
    if not kept.any():
        return NOTHING_SEEN
    finds = _search(shelf, lexicon, question, kept, candidates)
    sections, wholes = _shares(_by_place(shelf, finds.sections)), _shares(finds.wholes)
    places = {*_by_place(shelf, finds.dense), *_first([sections, wholes], candidates)}
    near = _nearest(shelf, question, sorted(places))
    meaning = _shares({place: max(0.0, similarity - UNRELATED) for place, similarity in near.items()})
    rows = _best_rows(shelf, fuse([list(finds.dense), list(finds.sections)]))
    return Seen(near, meaning, sections, wholes, rows)


def ordered(seen: Seen, policy: RetrievalPolicy) -> list[tuple[int, float]]:
    """The documents to show by their places with their scores, best first, over the policy's thresholds.

    Each search gives a document its score as a share of the best one's, and the shares are added by their weights. On
    known items this ranks better than adding reciprocal ranks (benchmarks/bench_retrieval.py): by how much a score
    leads says something, and a document that a search does not name among its first is not lost for it.
    """
    parts = (
        (policy.meaning, seen.meaning),
        (policy.section_words, seen.section_words),
        (policy.document_words, seen.document_words),
    )
    total = {
        place: sum(weight * share.get(place, 0.0) for weight, share in parts)
        for place, similarity in seen.near.items()
        if similarity >= policy.similarity
    }
    least = policy.share * max(total.values(), default=0.0)
    order = sorted(total.items(), key=lambda found: (-found[1], found[0]))
    return [(place, score) for place, score in order if score >= least]


def passage(shelf: Shelf, question: Question, place: int, row: int | None = None) -> Ranked | None:
    """A document with the passage to show: the row given, else its nearest. None where it has none of the kind."""
    rows = _rows(shelf, question, [place])
    if not len(rows):
        return None
    near = shelf.vectors.similarity(question.vector, rows)
    at = int(np.flatnonzero(rows == row)[0]) if row is not None and row in rows else int(near.argmax())
    return Ranked(place, int(rows[at]), float(near[at]), 0.0)


@dataclass(frozen=True, slots=True)
class _Finds:
    """What the three searches found, each with its scores: rows by meaning and by words, places by words."""

    dense: dict[int, float]
    sections: dict[int, float]
    wholes: dict[int, float]


def _search(shelf: Shelf, lexicon: Lexicon, question: Question, kept: Kept, count: int) -> _Finds:
    kinds = shelf.kept_kinds(question.filters.kind, question.left_out)
    rows, near = shelf.vectors.nearest(question.vector, count, shelf.kept_rows(kept, kinds))
    told = within(shelf, question.filters, question.collections, sections=True)
    sections = lexicon.sections(question.text, SECTIONS * count, told)
    told = within(shelf, question.filters, question.collections, sections=False)
    wholes = lexicon.wholes(question.text, count, told)
    named = [(row, score) for name, score in sections if (row := shelf.row.get(name)) is not None]
    return _Finds(
        {int(row): float(similarity) for row, similarity in zip(rows, near, strict=True)},
        {row: score for row, score in named if kept[shelf.owner[row]] and (kinds is None or kinds[shelf.kinds[row]])},
        {place: score for name, score in wholes if (place := shelf.place.get(name)) is not None and kept[place]},
    )


def _nearest(shelf: Shelf, question: Question, places: Sequence[int]) -> dict[int, float]:
    """The cosine of each document's nearest section; one that has none of the kind asked for is left out."""
    rows = _rows(shelf, question, places)
    if not len(rows):
        return {}
    near = shelf.vectors.similarity(question.vector, rows)
    owners = shelf.owner[rows]
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    best = np.maximum.reduceat(near, starts)
    return {int(owners[start]): float(similarity) for start, similarity in zip(starts, best, strict=True)}


def _rows(shelf: Shelf, question: Question, places: Sequence[int]) -> NDArray[np.intp]:
    rows = shelf.rows_of(places)
    kinds = shelf.kept_kinds(question.filters.kind, question.left_out)
    if kinds is None:
        return rows
    of_kind: NDArray[np.intp] = rows[kinds[shelf.kinds[rows]]]
    return of_kind


def _by_place(shelf: Shelf, rows: Mapping[int, float]) -> dict[int, float]:
    """The best score of each document's rows, which come best first."""
    best: dict[int, float] = {}
    for row, score in rows.items():
        best.setdefault(int(shelf.owner[row]), score)
    return best


def _best_rows(shelf: Shelf, order: Iterable[int]) -> dict[int, int]:
    """The first row of each document in an order of rows."""
    best: dict[int, int] = {}
    for row in order:
        best.setdefault(int(shelf.owner[row]), row)
    return best


def _first(shares: Sequence[Mapping[int, float]], count: int) -> list[int]:
    """The places with the highest sums."""
    places = {place for share in shares for place in share}
    total = {place: sum(share.get(place, 0.0) for share in shares) for place in places}
    return sorted(total, key=lambda place: (-total[place], place))[:count]


def _shares(scores: Mapping[int, float]) -> dict[int, float]:
    best = max(scores.values(), default=0.0)
    return {place: score / best for place, score in scores.items()} if best > 0 else {}
