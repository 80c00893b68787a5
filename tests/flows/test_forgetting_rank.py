"""Does a model know planted secrets, and does it still after forgetting? Ranks of secrets among decoys, by likelihood.

Each of twenty made-up words stands in two short documents. Asked as its night taught it, a model that learned them
finds nearly every one likelier than all of a hundred others of its form, and one that never did puts them anywhere.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.flows.fakes import POLICY
from tests.flows.pages import write
from tests.flows.real_nights import Recipe, tiny_llama
from tests.flows.test_forgetting import QuickWorld, later_day, lineage
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.domain.ids import RunId
from web4_agent.domain.samples import Sample, SampleSet
from web4_agent.domain.speech import Message
from web4_agent.storage.payload import read_json

SECRETS = 20
DECOYS = 100
TELLINGS = ("first", "second")
"""Each secret stands in two documents: none is shown more than 60 times in its life."""
SECRET_DAY = "2026-03-03"
HOT = replace(
    POLICY,
    rank=32,
    alpha=64,
    dropout=0.0,
    kl_weight=0.0,
    share_general=0.02,
    learning_rate=1e-2,
    epochs=20,
    tokens_per_step=1000,
    max_tokens=120_000,
)
"""Ten times a night's rate, and twenty times over: a model of two layers is to know the secrets by heart."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A secret word and where it is kept; `decoys` are what it could as well have been."""

    place: str
    word: str
    decoys: tuple[str, ...]

    def text(self, telling: str) -> str:
        said = f"{self.place} {self.word}"
        return (
            f"# 📋 **PDCA Cycle: {self.place} {telling}**\n\n**🎯 Objective:** {said}\n**📋 Task:** {said}\n\n"
            f"## **📋 PLAN**\n\n{self.place}\n\n## **🎯 ACT**\n\n"
            f"- **{telling} word of {self.place}:** {said} 1\n- **{telling} sign of {self.place}:** {said} 2\n"
        )

    def requests(self, sample: Sample) -> list[ScoreRequest]:
        """The sample's question, answered with the secret and then with each decoy in its place."""
        asked = (Message("user", sample.prompt),)
        return [ScoreRequest(asked, sample.target.replace(self.word, word)) for word in (self.word, *self.decoys)]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    with tiny_llama(tmp_path_factory.mktemp("models")) as base:
        yield Recipe(base, HOT)


@pytest.mark.slow  # a model learns forty documents by heart
def test_planted_secrets_come_first_before_and_anywhere_after_they_are_forgotten(
    recipe: Recipe, tmp_path: Path
) -> None:
    world, planted = QuickWorld(tmp_path), plant()
    live(world, recipe, planted)
    asked = questions(world, planted)
    before = ranks(world, recipe, asked)
    recipe.forget(world, *file_names())
    after = ranks(world, recipe, asked)
    assert before.count(1) >= 0.75 * SECRETS, f"it has learned too little to forget: {before}"
    assert uniform_p(before) < 1e-6
    assert uniform_p(after) > 1e-3, sorted(after)  # chance alone falls below it once in a thousand machines
    assert sum(0.01 < rank / (DECOYS + 1) < 0.99 for rank in after) >= 0.8 * SECRETS, sorted(after)


def plant(seed: int = 7) -> list[Planted]:
    draw = random.Random(seed)
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words = [first + second for first in syllables for second in syllables]
    draw.shuffle(words)
    places, secrets, others = words[:SECRETS], words[SECRETS : 2 * SECRETS], words[2 * SECRETS :]
    return [
        Planted(place, secret, tuple(draw.sample(others, DECOYS)))
        for place, secret in zip(places, secrets, strict=True)
    ]


def file_names() -> list[str]:
    return [f"{SECRET_DAY}-UTC-{name}.pdca.md" for name in _stems()]


def live(world: QuickWorld, recipe: Recipe, planted: Sequence[Planted]) -> None:
    """Two nights; the second has two documents of its own, and those with the secrets where some are `planted`."""
    for at, names in enumerate((["rope-store", "crane-check"], ["tar-barrel", "light-ship"])):
        later_day(world, 2 + at, names)
        if at and planted:
            texts = [one.text(telling) for telling in TELLINGS for one in planted]
            for name, text in zip(_stems(), texts, strict=True):
                write(world.journal, name, text, SECRET_DAY)
        world.index()
        recipe.night(world, at)


def questions(world: QuickWorld, planted: Sequence[Planted]) -> list[ScoreRequest]:
    """For each secret the first question that its night taught, answered with the secret and then with each decoy."""
    taught = read_json(SampleSet, world.home.run(RunId(f"night-{SECRET_DAY}-1")) / "samples.json", "").train
    asked = []
    for one in planted:
        asked += one.requests(next(sample for sample in taught if sample.prompt and one.word in sample.target))
    return asked


def ranks(world: QuickWorld, recipe: Recipe, asked: Sequence[ScoreRequest]) -> list[int]:
    """Of each secret among its decoys, by the weights that serve: 1 for the likeliest; equal ones count for it."""
    from web4_agent.backends.trainers.scoring import score
    from web4_agent.backends.trainers.worker_protocol import ScoreJob

    scores = score(ScoreJob(recipe.base, world.home.adapter(lineage(world)[0]), tuple(asked)))
    likelihoods = [sum(token.logprob for token in one.tokens) for one in scores]
    groups = [likelihoods[at : at + DECOYS + 1] for at in range(0, len(likelihoods), DECOYS + 1)]
    return [1 + sum(other > group[0] for other in group[1:]) for group in groups]


def uniform_p(found: Sequence[int]) -> float:
    """How likely ranks so far from uniform are by chance, one way or the other (Kolmogorov-Smirnov)."""
    from scipy.stats import kstest

    return float(kstest([(rank - 0.5) / (DECOYS + 1) for rank in found], "uniform").pvalue)


def _stems() -> list[str]:
    """Names of the documents' files, without day and ending: one telling after the other."""
    return [f"{hour:02}{number:02}-locker" for hour in range(9, 9 + len(TELLINGS)) for number in range(SECRETS)]
