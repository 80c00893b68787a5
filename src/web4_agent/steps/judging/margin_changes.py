"""How one model's margins stand to another's: the mean change in τ, over all and by stratum, each with its interval.

Called by the morning. The limits are the gate's against production, and so are the certainties; τ is the spread of the
margins under the model that is compared with, where the gate takes golden's. Pure; no data is not a pass.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from web4_agent.domain.verdicts import GatePolicy, ModelScores, Stratum
from web4_agent.steps.judging.gate import flipped_families
from web4_agent.steps.judging.statistics import MeanInterval, margin_unit, mean_interval

OVERALL = "all items"


@dataclass(frozen=True, slots=True)
class MarginChange:
    """`name` is a stratum's or OVERALL. `change` is None where there is nothing to reckon with, and then it fails."""

    name: str
    change: MeanInterval | None
    limit: float
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class MarginComparison:
    """`unit_nats` is τ. `flipped` are critical families that were answered rightly and now are not. `rescored` is the
    most that a margin moved when it was measured again, nats a token; None where none was."""

    unit_nats: float
    overall: MarginChange
    strata: tuple[MarginChange, ...]
    flipped: tuple[str, ...]
    rescored: float | None
    passed: bool
    sentence: str

    @property
    def rows(self) -> tuple[MarginChange, ...]:
        return (self.overall, *self.strata)


def compare_margins(before: ModelScores, now: ModelScores, policy: GatePolicy) -> MarginComparison:
    """Passes when no lower bound lies below its limit, no critical family fell over, and measuring again agrees."""
    first = {margin.item: margin.value for margin in before.margins}
    usable = len(first) >= 2 and all(map(math.isfinite, first.values()))
    unit = margin_unit(list(first.values())) if usable else math.nan
    changes = {
        margin.item: (margin.value - first[margin.item]) / unit for margin in now.margins if margin.item in first
    }
    alike = [margin.item for margin in before.margins] == [margin.item for margin in now.margins]
    overall = _change(OVERALL, list(changes.values()) if alike else [], policy.alpha_overall, policy.production_margin)
    strata = tuple(
        _change(
            stratum.value,
            [changes[margin.item] for margin in now.margins if margin.stratum is stratum] if alike else [],
            policy.alpha_stratum,
            policy.stratum_production_margin,
        )
        for stratum in Stratum
    )
    values = {margin.item: margin.value for margin in now.margins if margin.critical}
    flipped = tuple(sorted(flipped_families(before.margins, values)))
    rescored = _moved(before, now)
    trusted = rescored is not None and rescored <= policy.rescore_limit
    passed = trusted and not flipped and all(row.passed for row in (overall, *strata))
    sentence = _sentence(overall, strata, flipped, rescored, policy.rescore_limit)
    return MarginComparison(unit if usable else 0.0, overall, strata, flipped, rescored, passed, sentence)


def _change(name: str, values: Sequence[float], alpha: float, limit: float) -> MarginChange:
    if len(values) < 2 or not all(map(math.isfinite, values)):
        finite = sum(map(math.isfinite, values))
        said = f"{finite} usable figures, 2 and no other are needed: no data is not a pass"
        return MarginChange(name, None, limit, passed=False, sentence=said)
    change = mean_interval(values, alpha)
    passed = change.low >= limit
    said = (
        f"{change.mean:+.3f} τ over {change.count}, lower {1 - alpha:.0%} bound {change.low:+.3f}, "
        f"{'not below' if passed else 'below'} the limit {limit:+.2f}"
    )
    return MarginChange(name, change, limit, passed, said)


def _moved(*sides: ModelScores) -> float | None:
    """The most that any margin differs from its second measurement; None where one of the sides has none."""
    moved = []
    for side in sides:
        first = {margin.item: margin.value for margin in side.margins}
        if not side.rescored:
            return None
        moved += [abs(value - first.get(item, math.inf)) for item, value in side.rescored]
    return max(moved) if all(map(math.isfinite, moved)) else None


def _sentence(
    overall: MarginChange,
    strata: Sequence[MarginChange],
    flipped: Sequence[str],
    rescored: float | None,
    limit: float,
) -> str:
    failed = [f"{row.name}: {row.sentence}" for row in (overall, *strata) if not row.passed]
    if flipped:
        failed.append(f"critical and no longer answered rightly: {', '.join(flipped)}")
    if rescored is None:
        failed.append("nothing was measured a second time: no data is not a pass")
    elif rescored > limit:
        failed.append(f"measuring again moved a margin by {rescored:.2g} nat a token, where {limit:g} is the limit")
    if failed:
        return f"Margins: {'; '.join(failed)}."
    return f"Margins: {overall.sentence}; no stratum of {len(strata)} is below its limit."
