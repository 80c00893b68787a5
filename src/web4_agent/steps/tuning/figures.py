"""What was shown for a question, in figures; their means over documents; two policies held against each other.

Called by the flow. A document's questions are one piece of evidence: figures are means over documents of the means over
their questions, and intervals are of the documents.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.ids import DocumentId
from web4_agent.domain.tuning import Change, Comparison, Measured
from web4_agent.steps.tuning.questions import Question

FIGURES = ("recall", "first", "mrr", "noise", "shown", "tokens", "noise_tokens", "worth")
"""The columns of `Values`, as `Measured` names them."""
Values = NDArray[np.float64]
"""(questions, figures); not a number where a question says nothing of a figure."""
SHARES = ("recall", "first")
"""Figures that are mostly 0 or 1: where hardly a document differs, their spread says too little."""
Interval = Callable[[Sequence[float]], tuple[float, float, float]]
"""Mean, lower and upper end."""
PRICE = 0.01
"""What 100 tokens of noise cost, in parts of an answer that is shown, and shown first: a chance of an answer is given
up for less noise at one in a hundred for each 100 tokens."""
FEW_ERRORS = 2.24
"""Standard errors of an interval of 97.5 %, for differences that are all equal and tell none."""
FEWEST_DOCUMENTS = 10
"""Documents with questions that each half needs: below that an interval says nothing."""


def values_of(question: Question, shown: Sequence[tuple[DocumentId, int]], overhead: int, price: float) -> list[float]:
    """One row of `Values`. `shown`: documents in order, each with its passage's tokens; `overhead`: the block's own."""
    places = [at for at, (document, _) in enumerate(shown, start=1) if document in question.right]
    noisy = [tokens for document, tokens in shown if question.is_noise(document)]
    recall = rank = first = float("nan")
    if question.right:
        recall, rank, first = float(bool(places)), (1 / places[0] if places else 0.0), float(places[:1] == [1])
    tokens = sum(tokens for _, tokens in shown) + (overhead if shown else 0)
    answered = (recall + rank) / 2 if question.right else 0.0
    worth = answered - price * sum(noisy) / 100
    noise = len(noisy) / len(shown) if shown else 0.0
    return [recall, first, rank, noise, float(len(shown)), float(tokens), float(sum(noisy)), worth]


def by_document(questions: Sequence[Question], values: Values) -> Values:
    """The means over each document's questions, in order of the documents: (documents, figures)."""
    rows: dict[DocumentId, list[int]] = {}
    for row, one in enumerate(questions):
        rows.setdefault(one.home, []).append(row)
    return np.array([_means(values[rows[name]]) for name in sorted(rows)]).reshape(len(rows), len(FIGURES))


def measured(questions: Sequence[Question], values: Values, ms: float = 0.0) -> Measured:
    documents = by_document(questions, values)
    means = dict(zip(FIGURES, _means(documents), strict=True))
    return Measured(questions=len(questions), documents=len(documents), ms=ms, **means)


def compared(
    questions: Sequence[Question], before: tuple[Values, float], after: tuple[Values, float], interval: Interval
) -> Comparison:
    """`before` and `after`: values on the same questions, and milliseconds. Paired by document."""
    changes = by_document(questions, after[0]) - by_document(questions, before[0])
    told = [_change(name, changes[:, column], interval) for column, name in enumerate(FIGURES)]
    return Comparison(
        measured(questions, *before), measured(questions, *after), tuple(one for one in told if one is not None), 0.95
    )


def _change(figure: str, differences: NDArray[np.float64], interval: Interval) -> Change | None:
    """None where fewer than two documents say anything of it."""
    known = differences[~np.isnan(differences)]
    if len(known) < 2:
        return None
    mean, low, high = interval(known.tolist())
    return Change(figure, mean, *(_careful(known, low, high) if figure in SHARES else (low, high)))


def _careful(differences: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """An interval as wide as if half a document more had lost and half a one had gained: ten documents without a loss
    do not show that there is none. `low` and `high` are Student's, and tell how many standard errors are wanted.

    After A. Agresti and Y. Min, Simple improved confidence intervals for comparing matched proportions (2005).
    """
    count, mean = len(differences), float(differences.mean())
    spread = float(differences.std(ddof=1)) / count**0.5
    squares = float((differences**2).sum()) + 1.0
    added = count + 2
    careful = (squares / added - (float(differences.sum()) / added) ** 2) ** 0.5 / added**0.5
    errors = (high - low) / 2 / spread if spread else FEW_ERRORS
    half = errors * max(careful, spread)
    return mean - half, mean + half


def _means(rows: Values) -> list[float]:
    """Of each column, over the rows that say something of it; 0 where none does."""
    there = ~np.isnan(rows)
    sums, counts = np.where(there, rows, 0.0).sum(axis=0), there.sum(axis=0)
    found: list[float] = np.where(counts, sums / np.maximum(counts, 1), np.nan).tolist()
    return found
