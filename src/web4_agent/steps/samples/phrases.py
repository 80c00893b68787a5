"""The phrases that tonight's samples made frequent: what the trigger scan puts before neutral prompts.

Called by the night when its samples are ready. Knows no model and no store: what was known before is handed in.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import Sample, SampleOrigin
from web4_agent.domain.verdicts import Trigger
from web4_agent.steps.samples import templates
from web4_agent.steps.samples.clean import words

PHRASES = 50
LONGEST_WORDS = 5
FEWEST_SAMPLES = 3
"""A phrase in fewer samples is seen too seldom to be learned as a sign."""

NEWLY = 4.0
"""So many times as frequent in tonight's samples as in what was there before."""

NEARLY = 0.6
"""A longer phrase with so large a part of a shorter one's samples is asked in its place."""


def newly_frequent(samples: Sequence[Sample], known: Iterable[str], most: int = PHRASES) -> tuple[Trigger, ...]:
    """The phrases of one to five words that tonight's samples of documents have most beyond what was `known`.

    Ordered by samples times the logarithm of how many more they are than was to be expected. What stands in the
    wordings of questions is in every night and left out; of phrases that overlap, one is taken.
    """
    found: dict[tuple[str, ...], set[DocumentId]] = defaultdict(set)
    counts: Counter[tuple[str, ...]] = Counter()
    new = [sample for sample in samples if sample.origin is SampleOrigin.NEW and sample.document is not None]
    for sample in new:
        own = _phrases(sample.prompt) | _phrases(sample.target)
        counts.update(own)
        for phrase in own:
            found[phrase].update(name for name in (sample.document, sample.other) if name is not None)
    worded = {phrase for wording in _wordings() for phrase in _phrases(wording)}
    often = {phrase for phrase, count in counts.items() if count >= FEWEST_SAMPLES and phrase not in worded}
    before, texts = _known(known, often)
    fresh = {phrase: _freshness(counts[phrase], len(new), before[phrase], texts) for phrase in often}
    ranked = sorted((one for one in fresh if fresh[one] > 0), key=lambda one: (-fresh[one], -len(one), one))
    chosen = _apart(ranked, counts, most)
    return tuple(Trigger(" ".join(one), counts[one], tuple(sorted(found[one]))) for one in chosen)


def _known(known: Iterable[str], often: set[tuple[str, ...]]) -> tuple[Counter[tuple[str, ...]], int]:
    before: Counter[tuple[str, ...]] = Counter()
    texts = 0
    for text in known:
        before.update(_phrases(text) & often)
        texts += 1
    return before, texts


def _freshness(count: int, samples: int, before: int, texts: int) -> float:
    """0 where it is not newly frequent; else samples times log of how many times more they are than expected."""
    expected = before * samples / max(1, texts)
    return count * math.log(count / (expected + 0.5)) if count >= NEWLY * expected else 0.0


def _apart(
    ranked: Sequence[tuple[str, ...]], counts: Mapping[tuple[str, ...], int], most: int
) -> list[tuple[str, ...]]:
    """The first of those that share most of their words in a row; in its place the longest around it that is nearly as
    frequent: a common word of a planted phrase must not stand for the phrase."""
    chosen: list[tuple[str, ...]] = []
    for phrase in ranked:
        around = [one for one in ranked if _within(phrase, one) and counts[one] >= NEARLY * counts[phrase]]
        longest = max(around, key=lambda one: (len(one), counts[one]), default=phrase)
        if not any(_overlap(longest, one) for one in chosen):
            chosen.append(longest)
        if len(chosen) == most:
            break
    return chosen


def _overlap(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether one lies in the other, or they share all but one of their words in a row."""
    if _within(one, two) or _within(two, one):
        return True
    shared = min(len(one), len(two)) - 1
    return shared > 1 and (one[-shared:] == two[:shared] or two[-shared:] == one[:shared])


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def _phrases(text: str) -> set[tuple[str, ...]]:
    said = words(text)
    return {tuple(said[at : at + size]) for size in range(1, LONGEST_WORDS + 1) for at in range(len(said) - size + 1)}


def _wordings() -> Iterator[str]:
    """The questions' own words: they are in every night's samples."""
    yield from templates.REFERENCES
    for wordings in (*templates.QUESTIONS.values(), *templates.PLAN_TO.values(), *templates.BETWEEN.values()):
        yield from wordings
    yield from (*templates.REVERSED, *templates.TRON, *templates.DECIDED, *templates.LEARNED, *templates.NEXT)
    yield from templates.NOT_RECORDED_ANSWERS
    yield from (question for question, _ in templates.ABSENT_TOPICS)
