"""The nights of one recipe, in order: choose, train, score, judge, publish. What is published is never run again.

Called by `story`. What a night may know is what came before it in its own recipe; all of that is read off the nights
that are published, so a backtest that was cut off goes on as if it had not been.
"""

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import fmean

from web4_agent.backends.trainers.base import TrainJob
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import Sample, SampleOrigin
from web4_agent.domain.training import Recipe, TrainedAdapter, TrainProgress
from web4_agent.domain.verdicts import Decision, ModelScores, RuleOutcome, Verdict
from web4_agent.flows.backtest.parts import BacktestParts, Day, Night, Plan, Scored
from web4_agent.flows.backtest.questions import Questions
from web4_agent.steps.judging.gate import TONIGHT, TRAINERS_COPY, judge
from web4_agent.steps.judging.texts import kl_from_scores
from web4_agent.steps.samples.audit import audit
from web4_agent.steps.samples.choose import Chosen, Material, choose, general_sample
from web4_agent.steps.samples.mix import History
from web4_agent.storage.atomic import publish_text, remove_folder
from web4_agent.storage.payload import read_json, to_json

PASSES = 8
"""So often may a night's samples be gone through to fill its tokens, where a recipe finds fewer samples than others."""
STRATUM_ITEMS = 20
"""With fewer margin items in a stratum the rules by stratum reject harmless nights: they are left out then."""
_UNASKED = ("canaries", "critical canaries", "same items", "rescoring", "export parity")
"""Rules of what a backtest does not do: it generates nothing, exports nothing and scores on the trainer's copy."""
GO_ON = "remove the file, then type the same command again"


@dataclass(frozen=True, slots=True)
class Lineage:
    """A recipe at work on a plan, in a folder of its own."""

    parts: BacktestParts
    plan: Plan
    recipe: Recipe
    questions: Questions
    base: Scored
    folder: Path
    told: Callable[[float], None]
    """Called with the tokens of each night that is done."""

    def nights(self) -> tuple[Night, ...]:
        """All nights, those that are published read back, the others lived through."""
        nights: list[Night] = []
        for number, day in enumerate(self.plan.days, start=1):
            file = self.folder / f"night-{number:02d}.json"
            if not file.is_file():
                night = self._night(number, day, nights)
                publish_text(to_json(night), file)
                self.parts.reached(f"{self.recipe.name}.{number}")
                self._tidy([*nights, night])
            nights.append(read_json(Night, file, GO_ON))
            self.told(day.tokens)
        return tuple(nights)

    def joint(self) -> Night:
        """All days at once and from the base, with as many tokens as the nights have together."""
        file = self.folder / "joint.json"
        if not file.is_file():
            last = self.plan.days[-1]
            everything = replace(last, documents=self._documents(), tokens=self.plan.tokens)
            night = self._learn(0, everything, everything.documents, [], None)
            publish_text(to_json(night), file)
            shutil.rmtree(self.folder / "night-00", ignore_errors=True)
        self.told(self.plan.tokens)
        return read_json(Night, file, GO_ON)

    def _night(self, number: int, day: Day, before: Sequence[Night]) -> Night:
        every = self.recipe.rebuild_nights
        if every and number > 1 and (number - 1) % every == 0:
            since_root = self.plan.days[number - 1 - every : number]
            whole = replace(day, tokens=sum(one.tokens for one in since_root))
            names = {one for night in before for one in night.documents} | {one.id for one in day.documents}
            known = [one for one in self._documents() if one.id in names]
            return self._learn(number, whole, known, [], None)
        waiting = _waiting(before)
        tonight = [one for one in self._documents() if one.id in waiting] + list(day.documents)
        handed_on = sum(one.tokens for one in self.plan.days if one.day in _untaught(before))
        return self._learn(number, replace(day, tokens=day.tokens + handed_on), tonight, before, _adapter(before))

    def _learn(
        self, number: int, day: Day, tonight: Sequence[Document], before: Sequence[Night], start: str | None
    ) -> Night:
        """`start`: the folder of the adapter to go on from, by name; None for the base."""
        chosen = self._choose(day, tonight, before)
        before_scored = next((night.scored for night in reversed(before) if night.kept), self.base)
        if not chosen.mixed.samples or chosen.built < self.recipe.policy.minimum_samples:
            said = f"{chosen.built} new samples, fewer than {self.recipe.policy.minimum_samples}: they wait"
            return _untrained(number, day, tonight, start, before_scored, self._kl(before_scored), said)
        room = self.folder / f"night-{number:02d}"
        trained = self._train(room, chosen, day, start)
        for scale in self._scales():
            adapter = self._scaled(room, trained, scale)
            began = time.monotonic()
            scored = self._score(adapter)
            score_s = time.monotonic() - began
            verdict = self._judge(day, scored, before_scored, chosen, scale)
            promoted = verdict.decision is Decision.PROMOTE
            if promoted or not self.recipe.gated:
                break
        kept = promoted or not self.recipe.gated
        return Night(
            number=number,
            day=day.day,
            documents=tuple(one.id for one in tonight),
            exposures=_exposures(chosen.samples.train) if kept else {},
            adapter=f"{room.name}/{adapter.name}" if kept else start or "",
            kept=kept,
            promoted=promoted,
            scale=scale,
            sentence=" ".join(verdict.reasons) if not promoted else "",
            samples={str(origin): count for origin, count in chosen.mixed.counts.items()},
            steps=trained.steps,
            tokens=trained.tokens,
            loss_tokens=trained.loss_tokens,
            train_s=trained.seconds,
            score_s=score_s,
            kl=self._kl(scored),
            scored=scored if kept else before_scored,
        )

    def _choose(self, day: Day, tonight: Sequence[Document], before: Sequence[Night]) -> Chosen:
        kept = [night for night in before if night.kept]
        taught = {name for night in kept for name in night.documents}
        material = Material(
            tonight=tonight,
            replayed=[one for one in self._documents() if one.id in taught],
            earlier=[item for one in self.plan.days if one.day != day.day for item in one.held_out],
            previous=self.plan.previous,
            history=self._history(kept),
            night_index=len(kept) + 1,
            general=[
                general_sample(one.id, one.prompt, one.answer, safety=one.safety)
                for one in self.parts.items.general_samples
            ],
            forbidden=self.parts.items.texts,
            asked=self.parts.items.asked,
            has_secret=self.parts.has_secret,
            held_out=day.held_out,
        )
        policy = self.recipe.policy
        return choose(material, replace(policy, max_tokens=max(1, day.tokens // policy.epochs)))

    def _history(self, kept: Sequence[Night]) -> History:
        """As the ledger would tell it; `forgetting` in bits per byte of a document's held-out texts since its night."""
        exposures: dict[DocumentId, int] = {}
        seen: dict[DocumentId, int] = {}
        learned: dict[DocumentId, int] = {}
        lost: dict[DocumentId, float] = {}
        now = dict(kept[-1].scored.bits) if kept else {}
        for ago, night in ((len(kept) - at, night) for at, night in enumerate(kept)):
            for name, count in night.exposures.items():
                exposures[name] = exposures.get(name, 0) + count
                seen[name] = ago
            learned |= {name: learned.get(name, ago) for name in night.documents}
            then = dict(night.scored.bits)
            for item in self.questions.held_out:
                if item.document in night.documents:
                    lost[item.document] = now[str(item.id)] - then[str(item.id)]
        return History(learned, seen, exposures, lost)

    def _train(self, room: Path, chosen: Chosen, day: Day, start: str | None) -> TrainedAdapter:
        policy = self.recipe.policy
        fill = replace(policy, epochs=PASSES * policy.epochs, max_tokens=day.tokens)
        job = TrainJob(
            base=self.parts.base,
            start=None if start is None else self.folder / start,
            samples=chosen.samples.train,
            policy=fill,
            out=room / "trained",
            work=room / "work",
        )

        def told(progress: TrainProgress) -> None:
            note = f"{self.recipe.name} {day.day}: loss {progress.loss:.3f}"
            self.parts.watcher.advanced("training", progress.step, progress.steps, progress.left_s, note)

        return self.parts.trainer.train(job, told)

    def _scales(self) -> tuple[float, ...]:
        return self.parts.gate.scales if self.recipe.gated else (self.recipe.scale,)

    def _scaled(self, room: Path, trained: TrainedAdapter, scale: float) -> Path:
        if scale == 1.0:
            return trained.folder
        out = room / f"scaled-{scale:g}"
        remove_folder(out)
        self.parts.trainer.scale(trained, scale, out)
        return out

    def _score(self, adapter: Path | None) -> Scored:
        requests = self.questions.requests()
        return self.questions.scored(self.parts.trainer.score(self.parts.base, adapter, requests))

    def _judge(self, day: Day, scored: Scored, before: Scored, chosen: Chosen, scale: float) -> Verdict:
        """The gate's own rules, but for those a backtest can't ask."""
        tonight = {str(item.id) for item in day.held_out}
        texts = {one.id: one.text for one in self._documents()}
        candidate, production, golden = [
            ModelScores(
                name, (), one.margins, tuple((item, TONIGHT, bits) for item, bits in one.bits if item in tonight), kl
            )
            for name, one, kl in (
                ("candidate", scored, self._kl(scored)),
                ("production", before, 0.0),
                ("golden", self.base, 0.0),
            )
        ]
        verdict = judge(
            candidate,
            production,
            golden,
            self.parts.gate,
            candidate_hash="",
            scale=scale,
            scored_on=TRAINERS_COPY,
            trained_parity=None,
            audit=audit(chosen.samples.train, texts),
        )
        asked = tuple(rule for rule in verdict.rules if self._is_asked(rule))
        passed = all(rule.passed for rule in asked)
        return replace(verdict, rules=asked, decision=Decision.PROMOTE if passed else Decision.REJECT)

    def _is_asked(self, rule: RuleOutcome) -> bool:
        strata = {margin.stratum for margin in self.base.margins}
        few = len(self.base.margins) < STRATUM_ITEMS * max(1, len(strata))
        by_stratum = any(rule.rule.startswith(f"{stratum} against") for stratum in strata)
        return not rule.rule.startswith(_UNASKED) and not (few and by_stratum)

    def _kl(self, scored: Scored) -> float:
        return kl_from_scores(scored.neutral, self.base.neutral)

    def _documents(self) -> tuple[Document, ...]:
        return tuple(document for day in self.plan.days for document in day.documents)

    def _tidy(self, nights: Sequence[Night]) -> None:
        """Only the adapter to go on from is kept: twenty megabytes each."""
        wanted = (_adapter(nights) or "").partition("/")[0]
        for night in nights:
            room = self.folder / f"night-{night.number:02d}"
            shutil.rmtree(room if room.name != wanted else room / "work", ignore_errors=True)


def recall(scored: Scored, wanted: Mapping[str, object] | set[str]) -> float:
    """The share of these probes whose right answer is likelier than every wrong one; NaN for none."""
    leads = [lead for probe, lead in scored.leads if probe in wanted]
    return fmean(lead > 0 for lead in leads) if leads else math.nan


def _adapter(nights: Sequence[Night]) -> str | None:
    return next((night.adapter or None for night in reversed(nights)), None)


def _waiting(nights: Sequence[Night]) -> set[DocumentId]:
    """Documents of the nights since the last that was kept."""
    names: set[DocumentId] = set()
    for night in nights:
        names = set() if night.kept else names | set(night.documents)
    return names


def _untaught(nights: Sequence[Night]) -> set[date]:
    """Days since the last night that trained: what they did not spend, the next one may."""
    days: set[date] = set()
    for night in nights:
        days = set() if night.steps else days | {night.day}
    return days


def _untrained(  # noqa: PLR0917 - a night that did nothing is told all it repeats
    number: int, day: Day, tonight: Sequence[Document], start: str | None, scored: Scored, kl: float, said: str
) -> Night:
    return Night(
        number=number,
        day=day.day,
        documents=tuple(one.id for one in tonight),
        exposures={},
        adapter=start or "",
        kept=False,
        promoted=False,
        scale=1.0,
        sentence=said,
        samples={},
        steps=0,
        tokens=0,
        loss_tokens=0,
        train_s=0.0,
        score_s=0.0,
        kl=kl,
        scored=scored,
    )


def _exposures(samples: Sequence[Sample]) -> dict[DocumentId, int]:
    counts: dict[DocumentId, int] = {}
    for sample in samples:
        if sample.document is not None and sample.origin is not SampleOrigin.GENERAL:
            counts[sample.document] = counts.get(sample.document, 0) + 1
    return counts
