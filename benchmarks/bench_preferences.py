"""What the step on preferences does to a model: are answers people were for likelier after it, and what else moves?

    python benchmarks/bench_preferences.py --home HOME [--journal FOLDER] [--votes 130] [--rates 5e-6 5e-5 5e-4]

Questions of the journal with a right answer and wrong ones of like form, dealt into two halves. Of the first half
people were for the right answer, and of three questions in ten against a wrong one: `--votes` in all. They are taught
from HOME's production at each rate, as a night teaches them. Printed, in nats a token where nothing else is said:

    for, against    change of the log-likelihood of the answers that were taught
    lead, others    change of the right answer's lead over the likeliest wrong one: taught questions, and the others
    general         bits per byte of general text over what they were
    KL              from before to after on neutral prompts

Two minutes a rate on two idle cores. HOME needs a production adapter and documents that are not trained yet; nothing of
it is changed.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.bootstrap import open_home
from web4_agent.domain.ids import BASE, ContentHash, SampleId
from web4_agent.domain.samples import Preference, Probe, Sample, SampleKind, SampleOrigin
from web4_agent.domain.speech import Message, TextScore
from web4_agent.flows.backtest.days import plan_days
from web4_agent.flows.backtest.parts import BacktestRequest, Caps
from web4_agent.flows.calibrating import CalibrationParts
from web4_agent.records import adapters
from web4_agent.steps.judging.measure import NEUTRAL_TOP
from web4_agent.steps.judging.texts import kl_from_scores, neutral_requests
from web4_agent.storage.artifacts import hash_text

SHARED = Path(__file__).parents[2] / "shared" / "journal"
AGAINST = 0.3
GENERAL_TEXTS = 20


@dataclass(frozen=True)
class Asked:
    """Mean log-likelihoods of right and wrong answers, question by question, and the rest."""

    right: list[float]
    wrong: list[list[float]]
    general: float
    neutral: Sequence[TextScore]

    def lead(self, which: Sequence[int]) -> float:
        return fmean(self.right[at] - max(self.wrong[at]) for at in which)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--journal", type=Path, default=SHARED)
    parser.add_argument("--votes", type=int, default=130)
    parser.add_argument("--rates", type=float, nargs="*", default=[5e-6, 5e-5, 5e-4])
    asked = parser.parse_args()
    runtime = open_home(asked.home)
    try:
        parts = runtime.calibration_parts()
        with runtime.database.read() as connection:
            production = adapters.read_pointer(connection).production
        if production == BASE:
            raise SystemExit(f"{asked.home} has no production adapter: run a night first")
        _measure(parts, parts.home.adapter(production), asked)
    finally:
        runtime.close()


def _measure(parts: CalibrationParts, start: Path, asked: argparse.Namespace) -> None:
    taught_count = round(asked.votes / (1 + AGAINST))
    days = plan_days(BacktestRequest(asked.journal, (), caps=Caps(documents=40, held_out=1, probes=40))).days
    probes = [probe for day in days for probe in day.probes if probe.wrong][: 2 * taught_count]
    taught, others = range(0, len(probes), 2), range(1, len(probes), 2)
    preferences = tuple(_preferences(probes, taught))
    samples = tuple(one for one in parts.draw().train if one.origin is not SampleOrigin.FEEDBACK)
    before = _ask(parts, start, probes)
    print(f"{len(preferences)} votes on {len(taught)} questions, {len(others)} others; lead {before.lead(others):+.3f}")
    print(f"{'rate':>8} {'steps':>6} {'for':>8} {'against':>8} {'lead':>8} {'others':>8} general     KL")
    for rate in asked.rates:
        with tempfile.TemporaryDirectory(prefix="web4-preferences-") as room:
            policy = replace(parts.policy, learning_rate=rate)
            job = TrainJob(
                parts.base, start, samples, policy, Path(room) / "out", Path(room) / "work", preferences=preferences
            )
            trained = parts.trainer.train(job, lambda _: None)
            after = _ask(parts, trained.folder, probes)
        right = fmean(after.right[at] - before.right[at] for at in taught)
        disliked = [at for number, at in enumerate(taught) if number < round(AGAINST * len(taught))]
        wrong = fmean(after.wrong[at][0] - before.wrong[at][0] for at in disliked)
        print(
            f"{rate:8.0e} {trained.steps:6} {right:+8.3f} {wrong:+8.3f} "
            f"{after.lead(taught) - before.lead(taught):+8.3f} {after.lead(others) - before.lead(others):+8.3f} "
            f"{after.general / before.general:7.4f} {kl_from_scores(after.neutral, before.neutral):6.4f}",
            flush=True,
        )


def _preferences(probes: Sequence[Probe], taught: Sequence[int]) -> list[Preference]:
    liked = [Preference(_sample(probes[at], probes[at].answer), desirable=True) for at in taught]
    against = taught[: round(AGAINST * len(taught))]
    return liked + [Preference(_sample(probes[at], probes[at].wrong[0]), desirable=False) for at in against]


def _sample(probe: Probe, answer: str) -> Sample:
    said = hash_text(f"{probe.prompt}\0{answer}")
    return Sample(
        SampleId(f"vote-{said[:12]}"),
        SampleKind.QUESTION,
        SampleOrigin.FEEDBACK,
        probe.prompt,
        answer,
        None,
        ContentHash(said),
    )


def _ask(parts: CalibrationParts, adapter: Path, probes: Sequence[Probe]) -> Asked:
    answers = [
        ScoreRequest((Message("user", probe.prompt),), answer)
        for probe in probes
        for answer in (probe.answer, *probe.wrong)
    ]
    texts = [ScoreRequest((), item.text) for item in parts.items.general_texts[:GENERAL_TEXTS]]
    neutral = neutral_requests(parts.items.neutral, NEUTRAL_TOP)
    scores = parts.trainer.score(parts.base, adapter, [*answers, *texts, *neutral])
    right: list[float] = []
    wrong: list[list[float]] = []
    at = 0
    for probe in probes:
        first, *rest = (one.mean for one in scores[at : at + 1 + len(probe.wrong)])
        right.append(first)
        wrong.append(rest)
        at += 1 + len(probe.wrong)
    general = fmean(one.bits_per_byte for one in scores[at : at + len(texts)])
    return Asked(right, wrong, general, scores[at + len(texts) :])


if __name__ == "__main__":
    main()
