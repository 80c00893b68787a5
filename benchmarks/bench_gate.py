"""Does the gate tell a good night from bad ones? One real night on the demo journal, then spoiled copies of it.

    good                what the night really trained
    rate x 30           the same samples at thirty times the learning rate
    shuffled            the same samples with their answers dealt out anew
    loops               every answer is its beginning, said again and again
    sycophancy          forty answers that agree with wrong claims and bad plans, twice each
    one skill           twenty wrong answers on everyday code, twice each
    secrets             twenty answers that give planted secrets away; the screen's part in it is printed too
    noise               LoRA B drawn from N(0, 0.02), nothing learned
    export, right       the good night at four times its strength
    export fault        the same, exported without the permutation of q and k: the check of the export must name it

Every candidate goes through the steps of a night: scaled, exported, served by llama.cpp, measured, judged. Prints the
decision, deciding rules and figures. Takes four minutes a case on two idle cores; `--items`, `--tokens` and `--only`
bound it. `web4-agent gate calibrate` does the same on a journal of one's own, and simulates.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from web4_agent.backends.exporters.gguf_names import TensorLayout
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.bootstrap import Runtime, found_home
from web4_agent.cli.demo import JOURNAL
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.ids import BASE
from web4_agent.domain.runs import Run, RunState
from web4_agent.domain.samples import Sample
from web4_agent.domain.training import TrainedAdapter
from web4_agent.domain.verdicts import Verdict
from web4_agent.flows.indexing import IndexRequest, index
from web4_agent.flows.night import judging, learning
from web4_agent.flows.night.parts import Collected, Measured, NightParts, Prepared, Trial
from web4_agent.records import documents, runs
from web4_agent.steps.judging.damage import Damage, damages, taught
from web4_agent.steps.samples.screen import forbidden_text, screen
from web4_agent.storage.payload import to_json

DAY = date(2026, 3, 3)
WEIGHTS = "adapter_model.safetensors"
STRONG = 4.0
"""The export check compares changes with the noise of a 4-bit base; one short night is too weak to rise above it."""
NOISE = 0.02
"""Standard deviation of LoRA B in the noise adapter, as in the trials the gate was designed on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="where to work; else a temporary folder")
    parser.add_argument("--tokens", type=int, default=8_000, help="budget of the night")
    parser.add_argument("--items", type=int, default=40, help="margin items a stratum")
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate of the good night")
    parser.add_argument("--only", nargs="*", help="names of the cases to run")
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp(prefix="web4-gate-"))
    settings = {
        "journal.root": str(JOURNAL),
        "training.max_tokens": asked.tokens,
        "training.max_sample_tokens": 256,
        "training.learning_rate": asked.rate,
        "gate.items_per_stratum": asked.items,
    }
    runtime, _ = found_home(home, settings, lambda text: print(f"  {text}", flush=True))
    bench = _Bench(runtime)
    cases: dict[str, Callable[[], TrainedAdapter]] = {
        "good": bench.good,
        "export fault": bench.good,
        "noise": bench.noise,
        "export, right": bench.good,
        **{name: partial(bench.spoiled, damage) for name, damage in damages().items()},
    }
    bench.screened()
    for name, train in cases.items():
        if asked.only and name not in asked.only:
            continue
        bench.judge(name, train)
    runtime.close()


class _Bench:
    """One prepared night, and the candidates made of it. Production and golden are the base, measured once."""

    def __init__(self, runtime: Runtime) -> None:
        self.parts: NightParts = runtime.night_parts()
        index(runtime.index_parts(), IndexRequest(until=DAY))
        now = runtime.now()
        with runtime.database.begin() as connection:
            self.run = runs.open_run(connection, "bench") or runs.start(connection, "bench", DAY, now)
            rows = learning.trainable(connection, DAY)
            documents.claim(connection, self.run.id, [(row.id, row.content_hash) for row in rows])
            rows = documents.of_run(connection, self.run.id)
        self.collected = Collected(tuple((row.id, row.content_hash) for row in rows), BASE, BASE)
        self.prepared: Prepared = learning.prepare(self.parts, self.run, self.collected)
        self.taught = self.prepared
        self.samples = learning.read_samples(self.prepared.file).train
        started = time.monotonic()
        self.measured: Measured = judging.measure_before(self.parts, self.run, self.collected, self.prepared)
        print(f"{len(self.samples)} samples; base measured in {time.monotonic() - started:.0f} s", flush=True)

    def good(self) -> TrainedAdapter:
        return self._train("good", self.samples, 1.0)

    def spoiled(self, damage: Damage) -> TrainedAdapter:
        """What the damage makes of the night's samples; the gate is told of them as they were trained."""
        samples = damage.spoil(self.samples, random.Random(7))
        whole = learning.read_samples(self.prepared.file)
        name = damage.name.replace(" ", "-")
        self.taught = replace(self.prepared, file=self.parts.home.run(self.run.id) / f"{name}.json")
        self.taught.file.write_text(to_json(replace(whole, train=samples)), encoding="utf-8")
        return self._train(name, samples, damage.rate)

    def screened(self) -> None:
        """How many planted secrets a night would never have trained."""
        planted = taught("secrets")
        kept = screen(planted, forbidden_text(()), has_secret=self.parts.has_secret).kept
        print(f"planted secrets: the screen drops {len(planted) - len(kept)} of {len(planted)} samples", flush=True)

    def noise(self) -> TrainedAdapter:
        good = self.good()
        out = self.parts.home.run(self.run.id) / "noise"
        if not out.exists():
            shutil.copytree(good.folder, out)
            draw = np.random.default_rng(7)
            tensors = {
                name: draw.normal(0, NOISE, array.shape).astype(np.float32) if ".lora_B." in name else array
                for name, array in load_file(good.start / WEIGHTS).items()
            }
            save_file(tensors, out / WEIGHTS)
        return replace(good, folder=out)

    def judge(self, name: str, train: Callable[[], TrainedAdapter]) -> None:
        started = time.monotonic()
        self.taught = self.prepared
        try:
            trained = train()
        except TrainingError as error:
            print(f"{name:<14} rejected before the gate: {error.message}", flush=True)
            return
        taken = time.monotonic() - started
        verdict = self._verdict(name, trained)
        print(
            f"{name:<14} {verdict.decision:<8} trained in {taken:.0f} s, loss {trained.first_loss:.2f} -> "
            f"{trained.last_loss:.2f}, {trained.tokens:,} tokens; judged in {time.monotonic() - started - taken:.0f} s"
        )
        for rule in verdict.rules:
            if not rule.passed or rule.rule.startswith(("samples", "export", "gain", "margins", "drift")):
                print(f"    {'pass' if rule.passed else 'FAIL'}  {rule.sentence}", flush=True)

    def _verdict(self, name: str, trained: TrainedAdapter) -> Verdict:
        run = Run(self.run.id, self.run.flow, self.run.day, RunState.OPEN, self.run.started_utc)
        shutil.rmtree(self.parts.home.run(run.id) / "candidates", ignore_errors=True)
        rows = TensorLayout.rows
        if name == "export fault":
            TensorLayout.rows = lambda _self, _module, values: values  # type: ignore[method-assign,assignment] # the fault itself
        try:
            exported = judging.export(self.parts, run, trained, STRONG if "export" in name else 1.0)
        finally:
            TensorLayout.rows = rows  # type: ignore[method-assign] # as it was
        trial = Trial(self.collected, self.taught, trained, self.measured)
        return judging.judge_candidate(self.parts, run, trial, exported).verdict

    def _train(self, name: str, samples: tuple[Sample, ...], factor: float) -> TrainedAdapter:
        folder = self.parts.home.run(self.run.id)
        policy = replace(self.parts.policy, learning_rate=self.parts.policy.learning_rate * factor)
        job = TrainJob(self.parts.base, None, samples, policy, folder / name, folder / f"{name}-work")
        return self.parts.trainer.train(job, lambda progress: None)


if __name__ == "__main__":
    main()
