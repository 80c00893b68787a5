"""Votes as a night sees them, what it made of each, and what it tells of that."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from web4_agent.domain.ids import AdapterVersion, DocumentId
from web4_agent.domain.queries import ResponseId, Thumb


class Use(StrEnum):
    """What a night made of a vote. Each is made of it once in a lineage: a rejected night's votes are free again."""

    TRAINED = "trained"
    """A thumb up whose answer was a target."""
    KEPT_OUT = "kept out"
    """A thumb down: its answer is never a target."""
    PREFERRED = "preferred"
    """Either, in a step that makes answers likelier or less likely."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's thumb on one answer, with what is known of the answer. `client` voted, `asker` had asked.

    `whole`: a question to an assistant whose answer was seen to end, without a flaw. `documents` are those it was shown
    passages of. `question` and `answer` are empty where the query log keeps them no more.
    """

    response: ResponseId
    client: str
    at_utc: datetime
    thumb: Thumb
    asker: str
    adapter: AdapterVersion
    whole: bool
    question: str
    answer: str
    documents: tuple[DocumentId, ...] = ()


@dataclass(frozen=True, slots=True)
class VoteUse:
    response: ResponseId
    client: str
    use: Use


@dataclass(frozen=True, slots=True)
class ThumbsTold:
    """What one night made of thumbs, in votes; `answers` are the different ones among those trained.

    `liked` and `disliked` are answers of the preference step, none where there was none; `left_out` counts votes since
    the last promoted night by reason.
    """

    trained: int = 0
    answers: int = 0
    kept_out: int = 0
    liked: int = 0
    disliked: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def preferred(self) -> bool:
        return bool(self.liked or self.disliked)

    @property
    def lines(self) -> tuple[str, ...]:
        """For the report; none where nobody voted."""
        told = []
        if self.trained or self.kept_out:
            told.append(f"Thumbs: {self.trained} up trained ({self.answers} answers), {self.kept_out} down kept out")
        if self.preferred:
            told.append(f"Preference step: {self.liked} answers with a thumb up, {self.disliked} with a thumb down")
        told += [f"Thumbs left out: {count}, {reason}" for reason, count in sorted(self.left_out.items())]
        return tuple(told)


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """A question whose answer got a thumb down, asked of both models once more."""

    question: str
    yesterday: str
    today: str

    @property
    def changed(self) -> bool:
        return self.yesterday.split() != self.today.split()


@dataclass(frozen=True, slots=True)
class ThumbsMorning:
    """What the thumbs changed: what the night behind today's model made of them, and the questions asked again."""

    trained: int
    kept_out: int
    preferred: int
    asked: tuple[AskedAgain, ...] = ()

    @property
    def sentence(self) -> str:
        """Empty where there is nothing to tell."""
        parts = []
        if self.trained or self.kept_out:
            parts.append(f"{self.trained} up trained, {self.kept_out} down kept out")
        if self.preferred:
            parts.append(f"{self.preferred} taught as preferences")
        if self.asked:
            changed = sum(one.changed for one in self.asked)
            parts.append(f"on the questions that got a thumb down {changed} of {len(self.asked)} answers changed")
        return f"thumbs: {'; '.join(parts)}" if parts else ""
