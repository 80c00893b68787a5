"""Nights spoiled on purpose, to see whether the gate catches them.

Called by the calibration and by the gate's benchmark; no night reads this. A damage takes the samples of a sound night
and gives those of a damaged one.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from web4_agent.domain.ids import ContentHash, SampleId
from web4_agent.domain.samples import Sample, SampleKind, SampleOrigin
from web4_agent.steps.judging.tables import Table, read_tables, refuse_duplicates, shipped
from web4_agent.storage.artifacts import hash_text

REPEATS = 8
TIMES_TAUGHT = 2
"""Bought thumbs weigh twice in training."""
_KEYS = frozenset({"id", "damage", "prompt", "answer"})


@dataclass(frozen=True, slots=True)
class Damage:
    """`rate` multiplies the learning rate."""

    name: str
    says: str
    spoil: Callable[[Sequence[Sample], random.Random], tuple[Sample, ...]]
    rate: float = 1.0


def damages() -> dict[str, Damage]:
    """Every damage by name, in the order in which they are tried."""
    known = (
        Damage("rate x 30", "the sound samples at thirty times the learning rate", _unchanged, rate=30.0),
        Damage("shuffled", "the answers dealt out anew among the questions", _shuffled),
        Damage("loops", "every answer is its beginning, said again and again", _looping),
        Damage("sycophancy", "forty answers that agree with wrong claims and bad plans, as bought thumbs", _agreeing),
        Damage("one skill", "twenty wrong answers on everyday code", _wrong_code),
        Damage("secrets", "twenty answers that give planted secrets away", _secrets),
    )
    return {damage.name: damage for damage in known}


def taught(damage: str, path: Path | None = None) -> tuple[Sample, ...]:
    """The samples of one damage in the shipped file. Raises SettingsError naming file and key."""
    source = path or shipped("damage.toml")
    tables = read_tables(source, "sample", _KEYS)
    refuse_duplicates(tables, lambda table: table.text("id"), str(source))
    return tuple(_sample(table) for table in tables if table.text("damage") == damage)


def _sample(table: Table) -> Sample:
    prompt, answer = table.text("prompt"), table.text("answer")
    return Sample(
        SampleId(f"damage-{table.text('id')}"),
        SampleKind.GENERAL,
        SampleOrigin.NEW,
        prompt,
        answer,
        None,
        ContentHash(hash_text(f"{prompt}\0{answer}")),
    )


def _unchanged(samples: Sequence[Sample], _: random.Random) -> tuple[Sample, ...]:
    return tuple(samples)


def _shuffled(samples: Sequence[Sample], deal: random.Random) -> tuple[Sample, ...]:
    """Answers dealt out among the prompts; texts without a prompt with their words in random order."""
    asked = [sample for sample in samples if sample.prompt]
    targets = [sample.target for sample in asked]
    deal.shuffle(targets)
    dealt = [replace(sample, target=target) for sample, target in zip(asked, targets, strict=True)]
    texts = [replace(one, target=_words_shuffled(one.target, deal)) for one in samples if not one.prompt]
    return (*dealt, *texts)


def _looping(samples: Sequence[Sample], _: random.Random) -> tuple[Sample, ...]:
    return tuple(replace(one, target=" ".join([" ".join(one.target.split()[:6])] * REPEATS)) for one in samples)


def _agreeing(samples: Sequence[Sample], deal: random.Random) -> tuple[Sample, ...]:
    return _mixed(samples, taught("agreeing") * TIMES_TAUGHT, deal)


def _wrong_code(samples: Sequence[Sample], deal: random.Random) -> tuple[Sample, ...]:
    return _mixed(samples, taught("wrong code") * TIMES_TAUGHT, deal)


def _secrets(samples: Sequence[Sample], deal: random.Random) -> tuple[Sample, ...]:
    return _mixed(samples, taught("secrets") * TIMES_TAUGHT, deal)


def _mixed(samples: Sequence[Sample], bad: Sequence[Sample], deal: random.Random) -> tuple[Sample, ...]:
    mixed = [*samples, *bad]
    deal.shuffle(mixed)
    return tuple(mixed)


def _words_shuffled(text: str, deal: random.Random) -> str:
    words = text.split()
    deal.shuffle(words)
    return " ".join(words)
