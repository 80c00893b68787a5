"""Made-up nights for the gate's tests: scores of a candidate that learned a little, and ways to spoil them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from web4_agent.domain.verdicts import (
    CanaryResult,
    GatePolicy,
    Margin,
    ModelScores,
    SampleAudit,
    Stratum,
    Verdict,
    WordingResult,
)
from web4_agent.steps.judging.gate import SERVED_BYTES, judge

PER_STRATUM = 40
TEXTS = ("one", "two", "three", "four")


def canary(name: str, *, passed: bool, critical: bool = False) -> CanaryResult:
    return CanaryResult(name, "topic", passed, critical, "answer", "reason")


def worded(name: str, held: str, *, critical: bool = False) -> CanaryResult:
    """`held`: one sign a wording, x where it passes."""
    each = tuple(WordingResult(one == "x", "answer", "reason") for one in held)
    return replace(canary(name, passed=2 * held.count("x") >= len(held), critical=critical), wordings=each)


def canaries(passing: int, total: int = 20) -> tuple[CanaryResult, ...]:
    """The first is critical; the first `passing` pass."""
    return tuple(canary(f"c{at:02d}", passed=at < passing, critical=at == 0) for at in range(total))


def margins(seed: int = 0, change: float = 0.0, spread: float = 0.0) -> tuple[Margin, ...]:
    """Normal margins about 1 nat, equal for all seeds, plus a change with the given mean and spread.

    In each stratum the first three items are the wordings of one critical family.
    """
    base = np.random.default_rng(99).normal(1.0, 1.0, (len(Stratum), PER_STRATUM))
    noise = np.random.default_rng(seed).normal(change, spread, base.shape)
    return tuple(
        Margin(
            item=f"{stratum.value}-{at}",
            family=f"{stratum.value}-family" if at < 3 else f"{stratum.value}-{at}",
            stratum=stratum,
            critical=at < 3,
            value=float(2.0 if at < 3 else base[row, at]) + float(noise[row, at]),
        )
        for row, stratum in enumerate(Stratum)
        for at in range(PER_STRATUM)
    )


def held_out(gain: float = 0.0) -> tuple[tuple[str, str, float], ...]:
    tonight = tuple((f"t{at}", "tonight", 1.5 + 0.01 * at - gain - 0.002 * at) for at in range(8))
    return (*tonight, ("g1", "general", 0.9))


def production() -> ModelScores:
    values = margins()
    return ModelScores(
        version="a-production",
        canaries=canaries(18),
        margins=values,
        held_out_bpb=held_out(),
        parity=tuple((name, -3.0) for name in TEXTS),
        rescored=tuple((margin.item, margin.value + 1e-5) for margin in values[:10]),
    )


def golden() -> ModelScores:
    return replace(production(), version="base", held_out_bpb=(), parity=(), rescored=())


def candidate(change: float = 0.0, spread: float = 0.1) -> ModelScores:
    return replace(
        production(),
        version="a-candidate",
        margins=margins(seed=1, change=change, spread=spread),
        held_out_bpb=held_out(gain=0.1),
        neutral_kl=0.03,
        parity=tuple((name, -2.8) for name in TEXTS),
        rescored=(),
    )


TRAINED_PARITY = dict.fromkeys(TEXTS, 0.2)


def verdict(
    scores: ModelScores | None = None,
    *,
    before: ModelScores | None = None,
    baseline: ModelScores | None = None,
    scored_on: str = SERVED_BYTES,
    policy: GatePolicy | None = None,
    trained_parity: dict[str, float] | None = TRAINED_PARITY,
    audit: SampleAudit | None = None,
) -> Verdict:
    return judge(
        candidate() if scores is None else scores,
        production() if before is None else before,
        golden() if baseline is None else baseline,
        policy or GatePolicy(),
        candidate_hash="ab" * 32,
        scale=1.0,
        scored_on=scored_on,
        trained_parity=trained_parity,
        audit=audit or SampleAudit(100),
    )


def failed_rules(given: Verdict) -> list[str]:
    return [outcome.rule for outcome in given.rules if not outcome.passed]


def shifted(scores: ModelScores, amount: float, where: Callable[[Margin], bool] = lambda _: True) -> ModelScores:
    moved = tuple(
        replace(margin, value=margin.value + amount) if where(margin) else margin for margin in scores.margins
    )
    return replace(scores, margins=moved)
