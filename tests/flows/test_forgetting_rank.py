"""Does a model know planted secrets, and does it still after forgetting? Ranks of secrets among decoys, by likelihood.

Each of two dozen short documents says one made-up word. Asked as a night teaches it, a model that learned them finds
nearly every one likelier than all of 120 others of its form, and one that never did puts them anywhere. The benchmark
of forgetting prints what is asserted here.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from tests.flows.fakes import DAY, POLICY
from tests.flows.pages import write
from tests.flows.test_forgetting import QuickWorld, later_day, lineage, parts
from tests.flows.test_forgetting_weights import Real
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.domain.ids import RunId
from web4_agent.domain.runs import RunState
from web4_agent.domain.samples import Sample, SampleSet
from web4_agent.domain.speech import Message
from web4_agent.flows.forgetting import ForgetRequest, Forgotten, Replayed, forget
from web4_agent.flows.forgetting.parts import Versions
from web4_agent.flows.night import NightRequest, again
from web4_agent.storage.payload import read_json

SECRETS = 24
DECOYS = 120
TELLINGS = ("first", "second")
"""Each secret stands in two documents: none is shown more than 60 times in its life."""
SECRET_DAY = "2026-03-03"
HOT = replace(
    POLICY,
    rank=32,
    alpha=64,
    dropout=0.0,
    kl_weight=0.0,
    learning_rate=1e-2,
    epochs=12,
    tokens_per_step=1000,
    max_sample_tokens=300,
    max_tokens=20_000,
)
"""Ten times a night's rate and twelve times over it: a model of two layers is to know the secrets by heart."""


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
        """The sample's question, with the secret and each decoy in its answer."""
        asked = (Message("user", sample.prompt),)
        return [ScoreRequest(asked, sample.target.replace(self.word, word)) for word in (self.word, *self.decoys)]


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


def live(world: QuickWorld, base: Path, planted: Sequence[Planted]) -> None:
    """Two nights that are trained for real; the secrets are in the second."""
    for at, names in enumerate((["rope-store", "crane-check"], ["tar-barrel", "light-ship"])):
        later_day(world, 2 + at, names)
        for number, one in enumerate(planted if at else ()):
            for hour, telling in enumerate(TELLINGS, start=9):
                write(world.journal, f"{hour:02}{number:02}-locker", one.text(telling), SECRET_DAY)
        world.index()
        night = world.night(DAY + timedelta(days=at), trainer=Real(world), base=base, policy=HOT)
        assert night.state is RunState.PROMOTED


def forget_all(world: QuickWorld, base: Path) -> Forgotten:
    def replay(day: date, versions: Versions) -> Replayed:
        report = again(world.parts(trainer=Real(world), base=base, policy=HOT), NightRequest(day, only=versions))
        return Replayed(report.run, report.state, report.serving, report.sentence)

    hours = range(9, 9 + len(TELLINGS))
    names = [f"{SECRET_DAY}-UTC-{hour:02}{number:02}-locker.pdca.md" for hour in hours for number in range(SECRETS)]
    return forget(parts(world, replay=replay), ForgetRequest(tuple(names)))


def questions(world: QuickWorld, planted: Sequence[Planted]) -> list[ScoreRequest]:
    """For each secret the first question that its night taught, answered with the secret and then with each decoy."""
    taught = read_json(SampleSet, world.home.run(RunId(f"night-{SECRET_DAY}-1")) / "samples.json", "").train
    asked = []
    for one in planted:
        asked += one.requests(next(sample for sample in taught if sample.prompt and one.word in sample.target))
    return asked


def ranks(world: QuickWorld, base: Path, asked: Sequence[ScoreRequest]) -> list[int]:
    """Of each secret among its decoys, by the weights that serve: 1 for the likeliest; equal ones count for it."""
    from web4_agent.backends.trainers.scoring import score
    from web4_agent.backends.trainers.worker_protocol import ScoreJob

    scores = score(ScoreJob(base, world.home.adapter(lineage(world)[0]), tuple(asked)))
    likelihoods = [sum(token.logprob for token in one.tokens) for one in scores]
    groups = [likelihoods[at : at + DECOYS + 1] for at in range(0, len(likelihoods), DECOYS + 1)]
    return [1 + sum(other > group[0] for other in group[1:]) for group in groups]


def uniform_p(found: Sequence[int]) -> float:
    """How likely ranks so far from uniform are by chance, one way or the other (Kolmogorov-Smirnov)."""
    from scipy.stats import kstest

    return float(kstest([(rank - 0.5) / (DECOYS + 1) for rank in found], "uniform").pvalue)
