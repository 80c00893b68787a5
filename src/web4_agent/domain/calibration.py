"""What the gate's own errors were measured to be, and what the sealed audit set says of the set that decides.

Made by the flows `calibrating` and `auditing`, kept in the ledger, shown beside every verdict.
"""

from dataclasses import dataclass
from datetime import datetime

from web4_agent.domain.ids import AdapterVersion, ContentHash
from web4_agent.domain.verdicts import Stratum

NOT_CALIBRATED = "This gate is not calibrated for this model and these items: web4-agent gate calibrate."
NOISY = 0.3
"""Above this spread of a harmless night 40 items a stratum are too few."""
HARMLESS, TWO_POINTS, FIVE_POINTS = "a harmless night", "a 2-point loss", "a 5-point loss"
ONE_SKILL, ONE_SKILL_TURNED = "one skill 10 points down", "a tenth of one skill's items turned wrong"
ONE_SKILL_CHANCE = "a tenth of one skill's items at chance"
AIMS = {HARMLESS: 0.02, TWO_POINTS: 0.02, FIVE_POINTS: 0.02, ONE_SKILL: 0.08, ONE_SKILL_TURNED: 0.08}
"""The most of each that may be wrong."""
APART_ERRORS = 2.0
"""Standard errors between two estimates of one thing: beyond it the deciding set has become a target."""


@dataclass(frozen=True, slots=True)
class GateIdentity:
    """What error rates belong to: the same rules on another model or other items err at other rates."""

    base: str
    engine: str
    items: ContentHash
    policy: ContentHash


@dataclass(frozen=True, slots=True)
class Noise:
    """What a harmless night does to the items of one stratum, in τ.

    `s` is the standard deviation of an item's change about the stratum's mean, over all A/A nights; `mean` that mean;
    `between_seeds` the standard deviation of the difference of two nights that differ in nothing but the seed.
    `jumpy` names the items with the largest changes, the largest first.
    """

    stratum: Stratum
    items: int
    s: float
    mean: float
    between_seeds: float
    jumpy: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """How often the gate was wrong about one kind of night: a harmless one rejected, a damaged one let through.

    `low` and `high` are Wilson's 95 % interval of wrong / tried. `rules` are those that rejected, with counts.
    """

    name: str
    harmless: bool
    tried: int
    wrong: int
    low: float
    high: float
    rules: tuple[tuple[str, int], ...] = ()

    @property
    def share(self) -> float:
        return self.wrong / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """`adapters` are real ones, trained, exported, measured and judged by every rule; `simulated` went through the
    rules on margins, harmless ones through those on canaries too. `unit_nats` is τ."""

    identity: GateIdentity
    at_utc: datetime
    nights: int
    unit_nats: float
    noise: tuple[Noise, ...]
    adapters: tuple[ErrorRate, ...]
    simulated: tuple[ErrorRate, ...]

    @property
    def s(self) -> float:
        """Of all items together: the root mean square of the strata's, weighted by their items."""
        total = sum(one.items for one in self.noise)
        return (sum(one.items * one.s**2 for one in self.noise) / total) ** 0.5 if total else 0.0

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do about strata that are too noisy, and about error rates above those aimed at."""
        noisy = [one for one in self.noise if one.s > NOISY]
        lines = [
            f"{one.stratum.value}: s is {one.s:.2f} τ, above {NOISY:g}; rewrite the items that jump without meaning "
            f"({', '.join(name for name, _ in one.jumpy[:3])}), or add items"
            for one in noisy
        ]
        above = [rate for rate in self.simulated if rate.low > AIMS.get(rate.name, 1.0)]
        return (*lines, *(f"{rate.name}: {rate.share:.1%} wrong, aimed at {AIMS[rate.name]:.0%}" for rate in above))

    @property
    def sentence(self) -> str:
        """The line that stands beside a verdict."""
        told = "; ".join(_told(rate) for rate in self.simulated)
        real = "; ".join(f"{rate.name}: {_judged(rate)}" for rate in self.adapters)
        return (
            f"This gate's rules on margins, of a harmless night on canaries too, simulated from {self.nights} harmless "
            f"nights (s = {self.s:.2f} τ): {told}. "
            f"Real adapters through every rule: {real}. Calibrated {self.at_utc:%Y-%m-%d}."
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean change of production against golden over the items of one set, in that set's τ, and its standard error."""

    items: int
    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class Audit:
    """The sealed set's word on production, beside that of the set which decides."""

    at_utc: datetime
    production: AdapterVersion
    golden: AdapterVersion
    engine: str
    items: ContentHash
    sealed: Estimate
    deciding: Estimate

    @property
    def gap_errors(self) -> float:
        """Deciding minus sealed, in standard errors of the difference; 0 where both are exact."""
        error = (self.sealed.error**2 + self.deciding.error**2) ** 0.5
        return (self.deciding.mean - self.sealed.mean) / error if error else 0.0

    @property
    def apart(self) -> bool:
        return abs(self.gap_errors) > APART_ERRORS

    @property
    def sentence(self) -> str:
        told = (
            f"Production {self.production} against golden {self.golden}: {self.sealed.mean:+.3f} τ by "
            f"{self.sealed.items} sealed items, {self.deciding.mean:+.3f} τ by {self.deciding.items} deciding ones; "
            f"{abs(self.gap_errors):.1f} standard errors apart"
        )
        return f"{told}: retire the deciding set." if self.apart else f"{told} (at most {APART_ERRORS:g})."


def _told(rate: ErrorRate) -> str:
    does = "rejects" if rate.harmless else "misses"
    return f"{does} {rate.name} in {rate.share:.1%} ({rate.low:.1%} to {rate.high:.1%}, n = {rate.tried:,})"


def _judged(rate: ErrorRate) -> str:
    rejected = rate.wrong if rate.harmless else rate.tried - rate.wrong
    return f"{rejected} of {rate.tried} rejected"
