"""Samples that the trainers' tests learn from."""

from web4_agent.domain.ids import ContentHash, DocumentId, SampleId
from web4_agent.domain.samples import Preference, Sample, SampleKind, SampleOrigin

SENTENCES = (
    "The server was restarted with its configuration restored from the last good backup.",
    "Plan: move the session store into its own process. Do: moved. Check: all tests pass.",
    "Trigger: the gateway answered too late. Response: measured. Outcome: the cache was cold. Next: warm it.",
    "Each empty constructor carries no logic; the init method does the work.",
    "A dual link names the page on the web and the path in the repository.",
    "The evening loop trains on what is untrained and proves it in the morning.",
    "The fifth layer shows views, the third holds interfaces, the second implements them.",
    "Nothing was recorded on the colour of the office door.",
)


def sample(
    number: int,
    *,
    prompt: str = "",
    target: str | None = None,
    origin: SampleOrigin = SampleOrigin.NEW,
    weight: float = 1.0,
) -> Sample:
    text = SENTENCES[number % len(SENTENCES)] if target is None else target
    kind = SampleKind.QUESTION if prompt else SampleKind.FULL_TEXT
    return Sample(
        id=SampleId(f"sample-{number}"),
        kind=kind,
        origin=origin,
        prompt=prompt,
        target=text,
        document=DocumentId(f"2025-09-03/{number}.pdca.md"),
        content_hash=ContentHash(f"{number:064x}"),
        weight=weight,
    )


def night() -> tuple[Sample, ...]:
    """A mixed night: texts, questions and general samples, of different lengths."""
    texts = [sample(number) for number in range(8)]
    questions = [sample(number, prompt=f"What does note {number} say?") for number in range(8, 16)]
    general = [sample(number, prompt="Say something true.", origin=SampleOrigin.GENERAL) for number in range(16, 20)]
    return (*texts, *questions, *general)


def preferences(up: int = 6, down: int = 4) -> tuple[Preference, ...]:
    """Answers to questions of their own: people were for the first, which say one thing, and against the others."""
    answers = [f"It was measured twice, then settled by crew {at}." for at in range(up)]
    answers += [f"Nobody can know such things, ask page {at} of a book." for at in range(down)]
    asked = [
        sample(30 + at, prompt=f"How was matter {at} settled?", target=answer, origin=SampleOrigin.FEEDBACK)
        for at, answer in enumerate(answers)
    ]
    return tuple(Preference(one, at < up) for at, one in enumerate(asked))
