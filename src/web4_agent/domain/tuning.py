"""What a retrieval policy comes to on questions with known answers, and one policy held against another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """Means over documents of the means over each document's questions.

    `recall`: a right document is among those shown; `first`: it is the first; `mrr`: the reciprocal of its place, 0
    where it is not shown. `noise`: the share of the passages shown that are not of a right document; `shown`: passages;
    `tokens`: what they take of the context, `noise_tokens` those of them that are noise. `worth` is what policies are
    chosen by. `ms`: the median
    processor time of search and ranking, without the embedding of the question.
    """

    questions: int
    documents: int
    recall: float
    first: float
    mrr: float
    noise: float
    shown: float
    tokens: float
    noise_tokens: float
    worth: float
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """After minus before, over the documents, with its interval."""

    figure: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two policies on the same questions. `confidence` is that of the intervals."""

    before: Measured
    after: Measured
    changes: tuple[Change, ...]
    confidence: float

    def change(self, figure: str) -> Change:
        return next(one for one in self.changes if one.figure == figure)
