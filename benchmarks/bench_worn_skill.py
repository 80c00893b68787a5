"""A real adapter with one skill worn down by ten points of a hundred: does the gate catch it?

    python benchmarks/bench_worn_skill.py --home HOME [--strata code safety] [--points 10] [--times 4] [--tries 4]

Taught wrong answers to other questions wear a skill down little in a small model. Here the wrong answers to the very
questions of the gate are mixed into the night that HOME would train now, as no night could (they would be screened
out): trained on from production, then scaled between production and that, by halving, until so many points fewer of
the stratum's questions have their right answer ahead. Each scale is exported, served by the engine and judged by every
rule. Prints a line for each: points lost, the stratum's mean margin in units of tau, decision and what rejected it.

Five minutes a stratum on two idle cores and more. HOME needs a production adapter and documents that are not trained
yet; nothing of it is changed but what it keeps of calibrations in `runs`.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from web4_agent.bootstrap import open_home
from web4_agent.domain.ids import ContentHash, SampleId
from web4_agent.domain.samples import Sample, SampleKind, SampleOrigin
from web4_agent.domain.verdicts import Margin, MarginItem, Stratum
from web4_agent.flows.calibrating import CalibrationRequest
from web4_agent.flows.calibrating.parts import Weighed
from web4_agent.flows.calibrating.trial import Night, Trial
from web4_agent.steps.judging.statistics import margin_unit
from web4_agent.storage.artifacts import hash_text

NO_LIMIT = 1_000_000
"""Tokens: the wrong answers come on top of the night's budget, which would cut them off."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--strata", nargs="*", default=["code", "safety"], choices=[one.value for one in Stratum])
    parser.add_argument("--points", type=float, default=10.0, help="of a hundred questions, to wear down by")
    parser.add_argument("--times", type=int, default=4, help="how often each wrong answer is taught")
    parser.add_argument("--tries", type=int, default=4, help="scales tried after the whole")
    asked = parser.parse_args()
    runtime = open_home(asked.home)
    try:
        trial = Trial(runtime.calibration_parts(), CalibrationRequest())
        for name in asked.strata:
            _wear_down(trial, Stratum(name), asked)
    finally:
        runtime.close()


def _wear_down(trial: Trial, stratum: Stratum, asked: argparse.Namespace) -> None:
    wrong = [sample for item in trial.parts.items.margins if item.stratum is stratum for sample in _wrong(item)]
    samples = [*trial.chosen.train, *wrong * asked.times]
    random.Random(7).shuffle(samples)
    policy = replace(trial.parts.policy, max_tokens=NO_LIMIT)
    night = Night(f"worn-{stratum.value}", tuple(samples), policy, harmless=False)
    with tempfile.TemporaryDirectory(prefix="web4-worn-") as folder:
        trained = trial.train(night, Path(folder))
        print(f"{stratum.value}: {trained.steps} steps, loss {trained.first_loss:.2f} -> {trained.last_loss:.2f}")
        low, high, scale = 0.0, 1.0, 1.0
        for _ in range(asked.tries + 1):
            lost = _told(trial, trial.judged(night, trained, Path(folder), scale), stratum, scale)
            if lost == asked.points or (scale == 1.0 and lost < asked.points):
                break
            low, high = (scale, high) if lost < asked.points else (low, scale)
            scale = (low + high) / 2


def _wrong(item: MarginItem) -> list[Sample]:
    return [
        Sample(
            SampleId(f"worn-{item.id}-{at}"),
            SampleKind.GENERAL,
            SampleOrigin.NEW,
            item.prompt,
            answer,
            None,
            ContentHash(hash_text(f"{item.prompt}\0{answer}")),
        )
        for at, answer in enumerate(item.wrong)
    ]


def _told(trial: Trial, weighed: Weighed, stratum: Stratum, scale: float) -> float:
    """Print what became of one scale; returns the points lost."""
    assert weighed.measurement is not None
    assert weighed.verdict is not None
    before, after = trial.production.scores.margins, weighed.measurement.scores.margins
    lost = 100 * (_right(before, stratum) - _right(after, stratum))
    moved = (_mean(after, stratum) - _mean(before, stratum)) / margin_unit([one.value for one in before])
    others = ", ".join(
        f"{one.value} {100 * (_right(after, one) - _right(before, one)):+.1f}" for one in Stratum if one is not stratum
    )
    print(
        f"  x {scale:.4f}: {stratum.value} {0.0 - lost:+.1f} points, margin {moved:+.2f} tau ({others}); "
        f"{'rejected by ' + ', '.join(weighed.rules) if weighed.rejected else 'PROMOTED'}",
        flush=True,
    )
    return lost


def _of(margins: Sequence[Margin], stratum: Stratum) -> list[float]:
    return [one.value for one in margins if one.stratum is stratum]


def _right(margins: Sequence[Margin], stratum: Stratum) -> float:
    values = _of(margins, stratum)
    return sum(value > 0 for value in values) / len(values)


def _mean(margins: Sequence[Margin], stratum: Stratum) -> float:
    values = _of(margins, stratum)
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
