"""Training samples, and what a night holds out to measure itself by."""

from dataclasses import dataclass
from enum import StrEnum

from web4_agent.domain.ids import ContentHash, DocumentId, SampleId
from web4_agent.domain.thumbs import VoteUse


class SampleKind(StrEnum):
    FULL_TEXT = "full text"
    SECTION = "section"
    QUESTION = "question"
    BETWEEN = "between"
    NOT_RECORDED = "not recorded"
    GENERAL = "general"
    SAFETY = "safety"
    """A general sample that keeps refusals where they are: harm declined, secrets kept, quoted orders read as text, and
    what only sounds alarming answered."""
    FEEDBACK = "feedback"
    """A question people asked and an answer that got a thumb up."""


class SampleOrigin(StrEnum):
    NEW = "new"
    REPLAY = "replay"
    GENERAL = "general"
    FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing to learn. With an empty `prompt`, every token of `target` bears loss; else only those of `target`.

    `document` is None for general samples, and for feedback, whose answer may have several sources; every exposure of a
    document is counted through it, and through `other`, the second one that a sample between two documents is of.
    """

    id: SampleId
    kind: SampleKind
    origin: SampleOrigin
    prompt: str
    target: str
    document: DocumentId | None
    content_hash: ContentHash
    weight: float = 1.0
    system: str = ""
    other: DocumentId | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """A question and an answer to it that people want more of (`desirable`), or less of."""

    sample: Sample
    desirable: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """A held-out question whose wording is never trained, with wrong answers of like form."""

    id: SampleId
    document: DocumentId
    prompt: str
    answer: str
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A text that is scored and never trained. `group` is `tonight`, `other days` or `general`."""

    id: SampleId
    group: str
    text: str
    document: DocumentId | None = None


@dataclass(frozen=True, slots=True)
class SampleSet:
    """What one night trains on and measures itself by, in order: the order is part of what makes a night repeatable.

    `preferences` are taught in a step of their own, after training; `votes` is what the night made of people's thumbs.
    """

    train: tuple[Sample, ...]
    held_out: tuple[HeldOut, ...]
    probes: tuple[Probe, ...]
    dropped: tuple[tuple[SampleId, str], ...] = ()
    preferences: tuple[Preference, ...] = ()
    votes: tuple[VoteUse, ...] = ()
