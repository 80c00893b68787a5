"""Questions asked of the journal in memory, under one policy after another.

Called by the story. What takes time, the three searches, is done once for a question and what they are told (how many
candidates, which kinds of section); what a policy makes of it is the very function that serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from time import thread_time

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.ids import DocumentId
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.flows.tuning.held_out import HeldOut
from web4_agent.flows.tuning.parts import TuningParts
from web4_agent.steps.retrieval import ranking
from web4_agent.steps.retrieval.context import INTRODUCTION, MINIMUM_TOKENS
from web4_agent.steps.retrieval.filters import EVERYTHING
from web4_agent.steps.retrieval.library import ASIDE
from web4_agent.steps.retrieval.ranking import Seen, ordered, passage, see
from web4_agent.steps.tuning.figures import Values, values_of
from web4_agent.steps.tuning.questions import Question

Told = tuple[int, tuple[str, ...]]
"""What a search is told of a policy: candidates, kinds left out."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the prompt has for passages: `budget` tokens, of which `introduction` are spent before the first and
    `marks[place]` with each document of the shelf."""

    budget: int
    introduction: int
    marks: tuple[int, ...]


@dataclass
class Sitting:
    """Some questions, their vectors (questions, dimension), and the journal that they are asked of."""

    held_out: HeldOut
    questions: Sequence[Question]
    vectors: NDArray[np.float32]
    room: Room
    price: float
    _seen: dict[tuple[int, Told], Seen] = field(default_factory=dict)
    _tokens: dict[tuple[int, Told, int], int] = field(default_factory=dict)

    def values(self, policy: RetrievalPolicy) -> Values:
        """(questions, figures)."""
        shown = (self.shown(at, policy) for at in range(len(self.questions)))
        rows = [
            values_of(question, found, self.room.introduction, self.price)
            for question, found in zip(self.questions, shown, strict=True)
        ]
        return np.array(rows, dtype=np.float64)

    def shown(self, at: int, policy: RetrievalPolicy) -> list[tuple[DocumentId, int]]:
        """The documents that the prompt would show for a question, in order, each with the tokens that it takes."""
        shelf, left = self.held_out.shelf, self.room.budget - self.room.introduction
        found: list[tuple[DocumentId, int]] = []
        for place, _ in ordered(self._look(at, policy), policy)[: policy.results]:
            whole = self._passage(at, policy, place)
            text = min(whole, left - self.room.marks[place])
            if text < min(MINIMUM_TOKENS, whole):
                break
            found.append((shelf.documents[place].id, self.room.marks[place] + text))
            left -= self.room.marks[place] + text
            if text < whole:
                break
        return found

    def times_ms(self, policies: Sequence[RetrievalPolicy]) -> list[float]:
        """The median processor time of one question under each, searched anew; now one is first and now the other."""
        taken: list[list[float]] = [[] for _ in policies]
        for at in range(len(self.questions)):
            turn = list(zip(policies, taken, strict=True))
            for policy, times in turn if at % 2 else reversed(turn):
                started = thread_time()
                question = self._question(at, policy)
                seen = see(self.held_out.shelf, self.held_out.lexicon, question, policy.candidates)
                for place, _ in ordered(seen, policy)[: policy.results]:
                    passage(self.held_out.shelf, question, place, seen.rows.get(place))
                times.append((thread_time() - started) * 1000)
        return [median(times) for times in taken]

    def _look(self, at: int, policy: RetrievalPolicy) -> Seen:
        key = (at, (policy.candidates, policy.left_out))
        if key not in self._seen:
            question = self._question(at, policy)
            self._seen[key] = see(self.held_out.shelf, self.held_out.lexicon, question, policy.candidates)
        return self._seen[key]

    def _passage(self, at: int, policy: RetrievalPolicy, place: int) -> int:
        """The tokens of the passage that a document shows; 0 where it has none of the kinds."""
        key = (at, (policy.candidates, policy.left_out), place)
        if key not in self._tokens:
            row = self._look(at, policy).rows.get(place)
            one = passage(self.held_out.shelf, self._question(at, policy), place, row)
            self._tokens[key] = 0 if one is None else int(self.held_out.tokens[one.row])
        return self._tokens[key]

    def _question(self, at: int, policy: RetrievalPolicy) -> ranking.Question:
        return ranking.Question(self.questions[at].text, self.vectors[at], EVERYTHING, ASIDE, policy.left_out)


def room_of(parts: TuningParts, held_out: HeldOut) -> Room:
    """As the prompt writes sources (steps/retrieval/context.py), in the embedder's tokens, as serving counts."""
    marks = [
        f'<source number="1" document="{one.id}"{f" date={one.day}" if one.day else ""}>\n</source>'
        for one in held_out.shelf.documents
    ]
    introduction, *counted = parts.embedder().token_counts([INTRODUCTION, *marks])
    return Room(parts.context_tokens, introduction, tuple(counted))
