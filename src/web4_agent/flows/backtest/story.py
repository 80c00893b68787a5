"""The story of a backtest: plan the days, score the base, live every recipe's nights, train jointly, report."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from web4_agent.domain.errors import UsageError
from web4_agent.domain.training import Recipe
from web4_agent.domain.verdicts import Stratum
from web4_agent.flows.backtest.days import plan_days
from web4_agent.flows.backtest.nights import GO_ON, Lineage, recall
from web4_agent.flows.backtest.parts import (
    BacktestParts,
    BacktestReport,
    BacktestRequest,
    Day,
    Night,
    Plan,
    Scored,
    Summary,
    Yardstick,
)
from web4_agent.flows.backtest.questions import Questions
from web4_agent.flows.backtest.report import publish
from web4_agent.steps.judging.statistics import margin_unit
from web4_agent.steps.transfer import transfer
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.atomic import make_folder, publish_text
from web4_agent.storage.lock import exclusive
from web4_agent.storage.payload import read_json, to_json

log = logging.getLogger(__name__)


def backtest(parts: BacktestParts, request: BacktestRequest) -> BacktestReport:
    """Live through the journal with every recipe; what an earlier call in the same folder did is kept.

    Raises JournalError, TrainingError, ModelError, BusyError when the folder is in use, and UsageError when the folder
    holds another backtest, or a recipe of the same name with other values.
    """
    make_folder(parts.folder)
    with exclusive(parts.folder / "lock", doing="a backtest in this folder"):
        request = _within_caps(request)
        plan = plan_days(request)
        _require_same_plan(parts, request, plan)
        questions = Questions.of(plan.days, parts.items)
        progress = _Progress(parts, plan.tokens * (len(request.recipes) + bool(request.joint)))
        world = _World(parts, plan, questions, _base(parts, questions), progress)
        summaries = tuple(_summary(world, recipe, _lineage(world, recipe).nights()) for recipe in request.recipes)
        joint = _lineage(world, _joint(request.joint)).joint() if request.joint is not None else None
        return publish(parts, _report(world, request, summaries, joint))


@dataclass(frozen=True, slots=True)
class _World:
    """What all recipes share."""

    parts: BacktestParts
    plan: Plan
    questions: Questions
    base: Scored
    progress: "_Progress"


def _within_caps(request: BacktestRequest) -> BacktestRequest:
    """No sample may be longer than what a night spends on a document: else a night is a few cut ones."""

    def bounded(recipe: Recipe) -> Recipe:
        longest = min(recipe.policy.max_sample_tokens, request.caps.document_tokens)
        return replace(recipe, policy=replace(recipe.policy, max_sample_tokens=longest))

    joint = bounded(request.joint) if request.joint else None
    return replace(request, recipes=tuple(map(bounded, request.recipes)), joint=joint)


def _joint(recipe: Recipe) -> Recipe:
    """Its recipe without what only nights in a row need."""
    policy = replace(recipe.policy, share_replay=0.0, minimum_samples=1)
    return replace(recipe, name=f"joint-{recipe.name}", policy=policy, scale=1.0, rebuild_nights=0, gated=False)


def _require_same_plan(parts: BacktestParts, request: BacktestRequest, plan: Plan) -> None:
    """Another journal, other caps, another model: nothing that was measured before goes with it."""
    said = to_json(
        {
            "days": [
                [
                    day.day,
                    [[one.id, one.content_hash] for one in day.documents],
                    [item.id for item in day.held_out],
                    [probe.id for probe in day.probes],
                ]
                for day in plan.days
            ],
            "caps": to_json(request.caps),
            "seed": request.seed,
            "base": parts.base_name,
            "items": hash_text(to_json(parts.items)),
            "trainer": parts.trainer.name,
        },
        indent=1,
    )
    file = parts.folder / "plan.json"
    if file.is_file() and file.read_text(encoding="utf-8") != said:
        raise UsageError(
            f"{parts.folder} holds a backtest of other days, documents, caps, items or of another model",
            "choose another folder with --out",
        )
    if not file.is_file():
        publish_text(said, file)


def _base(parts: BacktestParts, questions: Questions) -> Scored:
    file = parts.folder / "base.json"
    if not file.is_file():
        parts.watcher.started("base")
        began = time.monotonic()
        scores = parts.trainer.score(parts.base, None, questions.requests())
        publish_text(to_json(questions.scored(scores)), file)
        parts.watcher.finished("base", time.monotonic() - began)
    return read_json(Scored, file, GO_ON)


def _lineage(world: _World, recipe: Recipe) -> Lineage:
    folder = world.parts.folder / recipe.name
    make_folder(folder)
    file, said = folder / "recipe.json", to_json(recipe, indent=1)
    if file.is_file() and (before := file.read_text(encoding="utf-8")) != said:
        changed = sorted({line.split(":")[0].strip(' "') for line in _differing(before, said)})
        raise UsageError(
            f"the recipe {recipe.name} was begun in {folder} with other values of {', '.join(changed)}",
            "give it another name, or choose another folder with --out",
        )
    if not file.is_file():
        publish_text(said, file)
    told = world.progress.teller(recipe.name)
    return Lineage(world.parts, world.plan, recipe, world.questions, world.base, folder, told)


def _differing(before: str, after: str) -> list[str]:
    return [line for line in set(before.splitlines()) ^ set(after.splitlines()) if ":" in line]


@dataclass(slots=True)
class _Progress:
    """Of all recipes together, in tokens; the time left is told from what this process did itself."""

    parts: BacktestParts
    tokens: int
    done: int = 0
    began: float = field(default_factory=time.monotonic)
    resumed: int = 0

    def teller(self, recipe: str) -> Callable[[float], None]:
        def told(tokens: float) -> None:
            self.done += int(tokens)
            spent = time.monotonic() - self.began
            if spent < 1.0:
                self.resumed = self.done  # read back, not lived through
            fresh = self.done - self.resumed
            left = spent / fresh * (self.tokens - self.done) if fresh else None
            self.parts.watcher.advanced("backtest", self.done, self.tokens, left, f"{recipe}, tokens")
            log.info("backtest.night recipe=%s done=%d of=%d", recipe, self.done, self.tokens)

        return told


def _summary(world: _World, recipe: Recipe, nights: Sequence[Night]) -> Summary:
    """The joint figures are added in `_report`, which knows the yardstick."""
    plan, base = world.plan, world.base
    bits = tuple(_bits(plan.days, night.scored) for night in nights)
    recalled = tuple(_recall(plan.days, night.scored) for night in nights)
    last = nights[-1].scored
    return Summary(
        recipe=recipe.name,
        bits=bits,
        recall=recalled,
        bits_transfer=transfer(_negative(bits), [-one for one in _bits(plan.days, base)]),
        recall_transfer=transfer(recalled, _recall(plan.days, base)),
        probes_right=_right(last),
        general=tuple(fmean(value for _, value in night.scored.general) for night in nights),
        general_ratio=_general(last) / _general(base),
        kl=tuple(night.kl for night in nights),
        strata=_strata(base, nights),
        promoted=sum(night.promoted for night in nights),
        kept=sum(night.kept for night in nights),
        nights=len(nights),
        steps=sum(night.steps for night in nights),
        tokens=sum(night.tokens for night in nights),
        train_s=sum(night.train_s for night in nights),
        score_s=sum(night.score_s for night in nights),
    )


def _report(
    world: _World, request: BacktestRequest, summaries: Sequence[Summary], joint: Night | None
) -> BacktestReport:
    plan, base = world.plan, world.base
    yardstick = None
    if joint is not None and request.joint is not None:
        yardstick = _yardstick(plan, request.joint.name, joint.scored, joint)
        summaries = [_against(summary, plan, base, joint.scored) for summary in summaries]
    return BacktestReport(
        days=tuple(day.day for day in plan.days),
        documents=tuple(len(day.documents) for day in plan.days),
        found=plan.found,
        held_out=tuple(len(day.held_out) for day in plan.days),
        probes=tuple(len(day.probes) for day in plan.days),
        left_out=plan.left_out,
        caps=request.caps,
        base_name=world.parts.base_name,
        base=_yardstick(plan, "base", base),
        joint=yardstick,
        summaries=tuple(summaries),
        recipes=request.recipes,
    )


def _against(summary: Summary, plan: Plan, base: Scored, joint: Scored) -> Summary:
    return replace(
        summary,
        bits_transfer=transfer(
            _negative(summary.bits), [-one for one in _bits(plan.days, base)], [-one for one in _bits(plan.days, joint)]
        ),
        recall_transfer=transfer(summary.recall, _recall(plan.days, base), _recall(plan.days, joint)),
    )


def _yardstick(plan: Plan, name: str, scored: Scored, night: Night | None = None) -> Yardstick:
    return Yardstick(
        name,
        _bits(plan.days, scored),
        _recall(plan.days, scored),
        _right(scored),
        _general(scored),
        night.steps if night else 0,
        night.tokens if night else 0,
        night.train_s if night else 0.0,
    )


def _bits(days: Sequence[Day], scored: Scored) -> tuple[float, ...]:
    known = dict(scored.bits)
    return tuple(fmean(known[str(item.id)] for item in day.held_out) for day in days)


def _recall(days: Sequence[Day], scored: Scored) -> tuple[float, ...]:
    return tuple(recall(scored, {str(probe.id) for probe in day.probes}) for day in days)


def _right(scored: Scored) -> float:
    return recall(scored, {probe for probe, _ in scored.leads})


def _general(scored: Scored) -> float:
    return fmean(value for _, value in scored.general)


def _strata(base: Scored, nights: Sequence[Night]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    unit = margin_unit([margin.value for margin in base.margins])
    before = {margin.item: margin.value for margin in base.margins}

    def changed(night: Night, stratum: Stratum) -> float:
        moved = [one.value - before[one.item] for one in night.scored.margins if one.stratum is stratum]
        return fmean(moved) / unit

    there = [stratum for stratum in Stratum if any(margin.stratum is stratum for margin in base.margins)]
    return tuple((str(stratum), tuple(changed(night, stratum) for night in nights)) for stratum in there)


def _negative(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[-value for value in row] for row in matrix]
