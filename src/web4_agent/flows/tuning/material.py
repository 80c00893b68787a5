"""What one tuning works on, put together once: the copy, the questions, the vectors, and how long there is.

Called by the story and by the trial of other lengths of section. Says what is too little to tune on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.errors import JournalError, UsageError
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.domain.tuning import Comparison
from web4_agent.flows.tuning.held_out import Copy, HeldOut, Vectors, hold_out, parse_again, read_copy
from web4_agent.flows.tuning.parts import TuningParts, TuningRequest
from web4_agent.flows.tuning.sitting import Sitting, room_of
from web4_agent.steps.judging.statistics import mean_interval
from web4_agent.steps.tuning.figures import FEWEST_DOCUMENTS, FIGURES, by_document, compared
from web4_agent.steps.tuning.known_items import Exam, make_exam
from web4_agent.steps.tuning.questions import Question, from_exam, from_thumbs

AGAIN = "web4-agent tune"
ERROR = 0.05
"""Of all intervals of one tuning together: with lengths of section tried there are two tests, each at half of it."""
FEWEST_TOKENS = 32
WORTH = FIGURES.index("worth")


@dataclass(frozen=True, slots=True)
class Halves:
    """The questions of each half, asked of one journal in memory."""

    tune: Sitting
    check: Sitting

    def worths(self, policy: RetrievalPolicy) -> NDArray[np.float64]:
        """On each document of the half to tune on, in order of their names."""
        found: NDArray[np.float64] = by_document(self.tune.questions, self.tune.values(policy))[:, WORTH]
        return found

    def worth(self, policy: RetrievalPolicy) -> float:
        return float(self.worths(policy).mean())


@dataclass(frozen=True, slots=True)
class Material:
    """`ends` is when the minutes asked for are over, on the parts' clock."""

    parts: TuningParts
    request: TuningRequest
    copy: Copy
    exam: Exam
    questions: tuple[Question, ...]
    vectors: Vectors
    ends: float

    @property
    def left_s(self) -> float:
        return self.ends - self.parts.clock()

    def sit(self, tokens: int, step: str) -> tuple[HeldOut, Halves]:
        """The journal cut into sections of at most `tokens`, with both halves of the questions before it."""
        held_out = hold_out(self.copy, self.exam.documents, self.vectors, tokens, step)
        room = room_of(self.parts, held_out)
        halves = []
        for tunes in (True, False):
            asked = [one for one in self.questions if one.tunes is tunes]
            unit = self.vectors.of([one.text for one in asked], step)
            halves.append(Sitting(held_out, asked, unit, room, self.request.price))
        return held_out, Halves(*halves)


def gather(parts: TuningParts, request: TuningRequest) -> Material:
    """Raises UsageError for a bad request, JournalError where there is too little to ask."""
    ends = parts.clock() + request.minutes * 60
    _refuse(parts, request)
    copy, vectors = read_copy(parts)
    if not copy.shown:
        raise JournalError("nothing is indexed: there is no journal to tune retrieval on", "web4-agent index --all")
    exam = make_exam(copy.journal, parse_again, sentences=True)
    questions = (*from_thumbs(copy.rated, copy.shown.keys()), *from_exam(exam, request.queries))
    for half, tunes in (("tune", True), ("check", False)):
        homes = {one.home for one in questions if one.tunes is tunes}
        if len(homes) < FEWEST_DOCUMENTS:
            raise JournalError(
                f"{len(copy.journal)} documents give questions on {len(homes)} of them for the half to {half} on, and "
                f"{FEWEST_DOCUMENTS} are needed",
                "web4-agent index --all, or come again when more is written"
                if request.queries >= len(copy.journal)
                else f"{AGAIN} --queries {TuningRequest().queries}",
            )
    return Material(parts, request, copy, exam, questions, vectors, ends)


def held_against(
    before: tuple[Sitting, RetrievalPolicy], after: tuple[Sitting, RetrievalPolicy], error: float
) -> Comparison:
    """Two policies, or one on two journals, on the same questions, with times; intervals that err in `error` of all
    cases."""

    def interval(values: Sequence[float]) -> tuple[float, float, float]:
        found = mean_interval(values, error / 2)
        return found.mean, found.low, found.high

    (one, old), (other, new) = before, after
    times = one.times_ms([old, new]) if one is other else [*one.times_ms([old]), *other.times_ms([new])]
    made = compared(one.questions, (one.values(old), times[0]), (other.values(new), times[1]), interval)
    return replace(made, confidence=1.0 - error)


def _refuse(parts: TuningParts, request: TuningRequest) -> None:
    if request.queries < 1:
        raise UsageError(f"--queries is {request.queries}: there must be some", f"{AGAIN} --queries 1000")
    if not 0 < request.minutes <= 24 * 60:
        raise UsageError(f"--minutes is {request.minutes:g}: more than none, a day at most", f"{AGAIN} --minutes 15")
    if request.price < 0:
        raise UsageError(f"--price is {request.price:g}: noise costs nothing or something", f"{AGAIN} --price 0.01")
    if not 0 <= request.may_lose <= 1:
        raise UsageError(f"--may-lose is {request.may_lose:g}: a share from 0 to 1", f"{AGAIN} --may-lose 0.02")
    most = parts.embedder().max_tokens
    for tokens in request.sections:
        if not FEWEST_TOKENS <= tokens <= most or tokens == parts.section_tokens:
            raise UsageError(
                f"--sections {tokens}: a section has from {FEWEST_TOKENS} to {most} tokens, and another length than "
                f"the present {parts.section_tokens}",
                f"{AGAIN} --sections 128",
            )
