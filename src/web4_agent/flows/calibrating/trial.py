"""The adapters of a calibration: trained, exported and judged one by one, each published when it is done.

Called by the story. An A/A night is one and the same night in another order and with another seed: whatever the gate
measures on it is noise.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from web4_agent.backends.engines.base import ScoreRequest, ServedAdapter
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.domain.errors import TrainingError, UsageError
from web4_agent.domain.ids import BASE, ContentHash
from web4_agent.domain.samples import HeldOut, Sample
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import TrainedAdapter, TrainPolicy
from web4_agent.domain.verdicts import Verdict
from web4_agent.flows.calibrating.parts import AGAIN, CalibrationParts, CalibrationRequest, Weighed
from web4_agent.records import adapters
from web4_agent.steps.judging.damage import Damage, damages
from web4_agent.steps.judging.gate import SERVED_BYTES, TRAINERS_COPY, judge
from web4_agent.steps.judging.measure import Measurement, measure, require_trusted
from web4_agent.steps.judging.texts import kl_from_scores, parity_change, parity_from_scores, parity_requests
from web4_agent.steps.promote import served, version_of
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.atomic import publish_text, remove_folder
from web4_agent.storage.payload import read_json, to_json

PRODUCTION, GOLDEN = "production", "golden"
"""The files of what every night of a calibration is held against."""


@dataclass(frozen=True, slots=True)
class Night:
    """One adapter to make: a name that is its file's too, the samples, the recipe."""

    name: str
    samples: tuple[Sample, ...]
    policy: TrainPolicy
    harmless: bool = True


class Trial:
    """The adapters of one calibration and its folder, named by all that decides their scores."""

    def __init__(self, parts: CalibrationParts, request: CalibrationRequest) -> None:
        self.parts, self.request = parts, request
        with parts.database.begin() as connection:
            pointer = adapters.read_pointer(connection)
            found = [adapters.get(connection, version) for version in (pointer.production, pointer.golden)]
        production, golden = found
        assert production is not None, "the pointer's foreign key"
        assert golden is not None, "as above"
        self.adapter = served(production, parts.home, parts.exporter.artefact_name)
        self._golden_adapter = served(golden, parts.home, parts.exporter.artefact_name)
        self.copy = self._copy_of(self.adapter)
        self.chosen = parts.draw()
        if not self.chosen.train:
            raise UsageError("no document can be trained, so that no night can be drawn", "web4-agent index --all")
        key = hash_text(
            to_json([str(sample.id) for sample in self.chosen.train])
            + f"{self.adapter.artefact_hash} {self._golden_adapter.artefact_hash} "
            + f"{to_json(parts.policy)} {to_json(parts.identity)}"
        )
        self.folder = parts.home.runs / f"calibration-{key[:12]}"
        if request.simulate_only and not (self.folder / f"{PRODUCTION}.json").is_file():
            raise UsageError("no A/A night was measured on what would be trained now", AGAIN)
        self.production = self._measured(PRODUCTION, self.adapter, self.copy, self.chosen.held_out, rescore=True)
        require_trusted(self.production)

    def weigh(self) -> list[Weighed]:
        """Each adapter that is not weighed yet through the gate; then all that were, now and before."""
        nights = [] if self.request.simulate_only else [*self._harmless(), *self._damaged()]
        started = time.monotonic()
        for count, night in enumerate(nights, start=1):
            file, folder = self.folder / f"{night.name}.json", self.folder / night.name
            if not file.is_file():
                publish_text(to_json(self._weigh(night, folder)), file)
                self.parts.reached(f"calibrate.{night.name}.published")
            remove_folder(folder)
            left = (time.monotonic() - started) / count * (len(nights) - count)
            self.parts.watcher.advanced("adapters", count, len(nights), left, night.name)
        return self._kept()

    def _kept(self) -> list[Weighed]:
        files = sorted(self.folder.glob("*.json"))
        return [read_json(Weighed, file, AGAIN) for file in files if file.stem not in {PRODUCTION, GOLDEN}]

    def _harmless(self) -> list[Night]:
        """The same samples in another order, with another seed."""
        nights = []
        for number in range(1, self.request.nights + 1):
            seed = self.parts.policy.seed + number
            samples = list(self.chosen.train)
            _draws(seed).shuffle(samples)
            nights.append(Night(f"harmless-{number}", tuple(samples), replace(self.parts.policy, seed=seed)))
        return nights

    def _damaged(self) -> list[Night]:
        known = damages()
        return [self._spoiled(known[name]) for name in self.request.damaged]

    def _spoiled(self, damage: Damage) -> Night:
        policy = self.parts.policy
        samples = damage.spoil(self.chosen.train, _draws(policy.seed))
        faster = replace(policy, learning_rate=policy.learning_rate * damage.rate)
        return Night(damage.name.replace(" ", "-"), samples, faster, harmless=False)

    def _weigh(self, night: Night, folder: Path) -> Weighed:
        try:
            trained = self.train(night, folder)
        except TrainingError as error:
            if night.harmless:
                raise  # a machine without memory says nothing of the gate
            return Weighed(night.name, night.harmless, None, None, f"training: {error.message}")
        return self.judged(night, trained, folder)

    def train(self, night: Night, folder: Path) -> TrainedAdapter:
        parts = self.parts
        job = TrainJob(parts.base, self.copy, night.samples, night.policy, folder / "trained", folder / "checkpoints")
        step = f"train {night.name}"

        return parts.trainer.train(
            job, lambda it: parts.watcher.advanced(step, it.step, it.steps, it.left_s, f"loss {it.loss:.3f}")
        )

    def judged(self, night: Night, trained: TrainedAdapter, folder: Path, scale: float = 1.0) -> Weighed:
        """What was trained, at `scale`, exported, served and through every rule of the gate."""
        parts = self.parts
        candidate = folder / "candidate"
        remove_folder(candidate)
        parts.trainer.scale(trained, scale, candidate)
        artefact = candidate / parts.exporter.artefact_name
        parts.exporter.export(parts.base, candidate, artefact)
        version, _, artefact_hash = version_of(candidate, parts.exporter.artefact_name)
        adapter = ServedAdapter(version, artefact, artefact_hash)
        measured = self._measured(night.name, adapter, candidate, self.chosen.held_out, rescore=False)
        verdict = self._judge(night, measured, artefact_hash, candidate, scale)
        return Weighed(night.name, night.harmless, measured, verdict)

    @cached_property
    def golden(self) -> Measurement:
        """On the gate's items, as a night measures it: of that night's held-out texts it is never asked."""
        if self._golden_adapter == self.adapter:
            return self.production
        copy = self._copy_of(self._golden_adapter)
        measured = self._measured(GOLDEN, self._golden_adapter, copy, (), rescore=False)
        require_trusted(measured)
        return measured

    def _copy_of(self, adapter: ServedAdapter) -> Path | None:
        return None if adapter.version == BASE else self.parts.home.adapter(adapter.version)

    def _measured(
        self, name: str, adapter: ServedAdapter, copy: Path | None, held_out: Sequence[HeldOut], *, rescore: bool
    ) -> Measurement:
        """From its file where it was measured before; a night's is kept with its verdict."""
        file = self.folder / f"{name}.json"
        kept = name in {PRODUCTION, GOLDEN}
        if kept and file.is_file():
            return read_json(Measurement, file, f"remove {file}, then {AGAIN}")
        engine = self.parts.launcher.start(adapter)
        try:
            measured = measure(
                engine,
                self.parts.items,
                held_out,
                score=None if engine.abilities.can_score else self._scorer(copy),
                rescore=rescore,
                done=self._progress(f"measure {name}"),
            )
        finally:
            engine.close()
        if kept:
            publish_text(to_json(measured), file)
        return measured

    def _judge(
        self, night: Night, measured: Measurement, artefact_hash: ContentHash, copy: Path, scale: float
    ) -> Verdict:
        parts = self.parts
        scores = replace(measured.scores, neutral_kl=kl_from_scores(measured.neutral, self.golden.neutral))
        requests = parity_requests(parts.items.parity)
        trained = [
            parity_from_scores(parts.items.parity, parts.trainer.score(parts.base, folder, requests))
            for folder in (copy, self.copy)
        ]
        return judge(
            scores,
            self.production.scores,
            self.golden.scores,
            parts.gate,
            candidate_hash=artefact_hash,
            scale=scale,
            scored_on=SERVED_BYTES if measured.on_engine else TRAINERS_COPY,
            trained_parity=parity_change(*trained),
            audit=parts.audit(night.samples),
        )

    def _scorer(self, copy: Path | None) -> Callable[[Sequence[ScoreRequest], Callable[[int], None]], list[TextScore]]:
        def score(requests: Sequence[ScoreRequest], done: Callable[[int], None]) -> list[TextScore]:
            scores = self.parts.trainer.score(self.parts.base, copy, requests)
            done(len(scores))
            return scores

        return score

    def _progress(self, step: str) -> Callable[[int, int], None]:
        started = time.monotonic()

        def tell(done: int, total: int) -> None:
            left = (time.monotonic() - started) / done * (total - done) if done else None
            self.parts.watcher.advanced(step, done, total, left)

        return tell


def _draws(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a repeatable shuffle, not a secret
