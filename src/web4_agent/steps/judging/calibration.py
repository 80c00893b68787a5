"""How often the gate errs: noise from harmless nights, and losses put into nights drawn from it, through its own rules.

Called by the calibration. A drawn night is one of the A/A nights with its items drawn anew, with replacement, within
their strata, so that heavy tails stay; the mean change of each stratum is taken out, so that it is harmless in the
mean, and a loss is put in. A harmless night's canaries are drawn as well, each as one of the A/A nights answered it.
Production is golden here. Pure; knows no model.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.calibration import (
    FIVE_POINTS,
    HARMLESS,
    ONE_SKILL,
    ONE_SKILL_CHANCE,
    ONE_SKILL_TURNED,
    TWO_POINTS,
    GateIdentity,
    Noise,
)
from web4_agent.domain.errors import UsageError
from web4_agent.domain.verdicts import CanaryResult, GatePolicy, Margin, ModelScores, Stratum
from web4_agent.steps.judging.canary_rules import canary_rules
from web4_agent.steps.judging.gate import margin_rules
from web4_agent.steps.judging.measure import GateItems
from web4_agent.steps.judging.statistics import margin_unit, points_to_tau
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.payload import to_json

FEWEST_NIGHTS = 2
JUMPY_LISTED = 5
TOLD_EVERY = 250
LOST_SHARE = 0.1
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """`changes[night][stratum]`: each item's change, in τ; `standing[stratum]`: its margin under production, in τ;
    `canaries`: of each night and, last, of production. Without them only margins are drawn."""

    changes: tuple[Mapping[Stratum, Values], ...]
    standing: Mapping[Stratum, Values]
    unit_nats: float
    canaries: tuple[tuple[CanaryResult, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A loss put into a night: `everywhere` in τ on each item; or one stratum, drawn each time, loses `one_skill` τ on
    each of its items, or the share `lost` of those it got right wholly: their margins are turned into the opposite, or
    (`to_chance`) the model no longer tells right from wrong."""

    name: str
    harmless: bool = False
    everywhere: float = 0.0
    one_skill: float = 0.0
    lost: float = 0.0
    to_chance: bool = False


@dataclass(frozen=True, slots=True)
class Rejections:
    scenario: Scenario
    tried: int
    rejected: int
    rules: tuple[tuple[str, int], ...]


def scenarios() -> tuple[Scenario, ...]:
    """Those whose rates stand beside a verdict, the harmless one first."""
    return (
        Scenario(HARMLESS, harmless=True),
        Scenario(TWO_POINTS, everywhere=points_to_tau(2)),
        Scenario(FIVE_POINTS, everywhere=points_to_tau(5)),
        Scenario(ONE_SKILL, one_skill=points_to_tau(10)),
        Scenario(ONE_SKILL_TURNED, lost=LOST_SHARE),
        Scenario(ONE_SKILL_CHANCE, lost=LOST_SHARE, to_chance=True),
    )


def gate_identity(base: str, engine: str, items: GateItems, policy: GatePolicy) -> GateIdentity:
    asked = [to_json(item) for item in (*items.canaries, *items.margins)]
    return GateIdentity(base, engine, hash_text(to_json(asked)), hash_text(to_json(policy)))


def spread_of(nights: Sequence[ModelScores], production: ModelScores) -> Spread:
    """Raises UsageError when there are fewer than two nights, or a stratum of fewer than two items."""
    if len(nights) < FEWEST_NIGHTS:
        raise UsageError(
            f"{len(nights)} A/A nights say nothing of noise: {FEWEST_NIGHTS} are the least",
            "web4-agent gate calibrate --nights 4",
        )
    margins = production.margins
    unit = margin_unit([margin.value for margin in margins])
    before = {margin.item: margin.value for margin in margins}
    standing = {stratum: _values(margins, stratum, lambda one: one.value / unit) for stratum in Stratum}
    thin = [stratum.value for stratum, values in standing.items() if len(values) < 2]
    if thin:
        raise UsageError(f"too few items in {', '.join(thin)}", "raise gate.items_per_stratum in web4.toml")
    changes = tuple(
        {
            stratum: _values(night.margins, stratum, lambda one: (one.value - before[one.item]) / unit)
            for stratum in Stratum
        }
        for night in nights
    )
    return Spread(changes, standing, unit, tuple(scores.canaries for scores in (*nights, production)))


def noise_of(spread: Spread, production: Sequence[Margin]) -> tuple[Noise, ...]:
    return tuple(_noise(spread, stratum, production) for stratum in Stratum)


def simulate(  # noqa: PLR0917 - what is drawn, from what, by which rules, how often
    scenario: Scenario,
    spread: Spread,
    policy: GatePolicy,
    trials: int,
    seed: int = 1,
    done: Callable[[int], None] = lambda count: None,
) -> Rejections:
    """So many drawn nights through `margin_rules`, and harmless ones through `canary_rules`. Repeatable; `done` is told
    the count now and then."""
    random, answers = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    centred = [{stratum: values - values.mean() for stratum, values in night.items()} for night in spread.changes]
    rejected, rules = 0, Counter[str]()
    for trial in range(1, trials + 1):
        night = _drawn(random, scenario, centred[int(random.integers(len(centred)))], spread.standing)
        outcomes = margin_rules(night, night, policy)
        if scenario.harmless and spread.canaries:
            before = spread.canaries[-1]
            outcomes += canary_rules(_answered(answers, spread.canaries[:-1]), before, before, policy)
        failed = [outcome.rule for outcome in outcomes if not outcome.passed]
        rejected += bool(failed)
        rules.update(failed)
        if trial % TOLD_EVERY == 0:
            done(trial)
    return Rejections(scenario, trials, rejected, tuple(rules.most_common()))


def _drawn(
    random: np.random.Generator, scenario: Scenario, night: Mapping[Stratum, Values], standing: Mapping[Stratum, Values]
) -> dict[Stratum, list[float]]:
    worn = list(Stratum)[int(random.integers(len(Stratum)))]
    drawn: dict[Stratum, list[float]] = {}
    for stratum, changes in night.items():
        at = random.integers(len(changes), size=len(changes))
        values = changes[at] - scenario.everywhere
        if stratum is worn:
            values -= scenario.one_skill
            if scenario.lost:
                values -= _lost(random, scenario, standing[stratum][at])
        drawn[stratum] = values.tolist()
    return drawn


def _answered(random: np.random.Generator, nights: Sequence[Sequence[CanaryResult]]) -> tuple[CanaryResult, ...]:
    """Each canary, all its wordings together, as one of the nights answered it."""
    drawn = random.integers(len(nights), size=len(nights[0]))
    return tuple(nights[night][at] for at, night in enumerate(drawn.tolist()))


def _lost(random: np.random.Generator, scenario: Scenario, standing: Values) -> Values:
    """What is taken from each item: from so many of those that were right, all of it or twice that."""
    right = np.flatnonzero(standing > 0)
    count = min(len(right), round(scenario.lost * len(standing)))
    chosen = random.choice(right, size=count, replace=False)
    loss = np.zeros(len(standing))
    loss[chosen] = standing[chosen] * (1.0 if scenario.to_chance else 2.0)
    return loss


def _noise(spread: Spread, stratum: Stratum, production: Sequence[Margin]) -> Noise:
    nights = np.array([night[stratum] for night in spread.changes])
    mean = float(nights.mean())
    pairs = [nights[a] - nights[b] for a in range(len(nights)) for b in range(a)]
    names = [margin.item for margin in production if margin.stratum is stratum]
    farthest = np.abs(nights - mean).max(axis=0)
    order = np.argsort(-farthest)[:JUMPY_LISTED]
    return Noise(
        stratum=stratum,
        items=nights.shape[1],
        s=float(np.sqrt(np.mean((nights - mean) ** 2))),
        mean=mean,
        between_seeds=float(np.mean([stdev(pair.tolist()) for pair in pairs])),
        jumpy=tuple((names[at], float(farthest[at])) for at in order),
    )


def _values(margins: Sequence[Margin], stratum: Stratum, of: Callable[[Margin], float]) -> Values:
    return np.array([of(margin) for margin in margins if margin.stratum is stratum], dtype=np.float64)
