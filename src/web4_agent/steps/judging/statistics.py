"""The figures of the gate: lower confidence bounds, the unit τ of margins, and the rules' error rates by simulation.

Called by `gate` (bounds) and by the morning (intervals); the simulation gives the error rates that the design rests on.
Pure; knows no model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, stdev

import numpy as np

from web4_agent.domain.verdicts import GatePolicy, Stratum

TAU_FLOOR_NATS = 0.01
"""Below this, margins under golden do not differ from one another; real items spread over about one nat."""


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Of the margins rules against production: how often `loss_points` of pass rate lost are rejected, and missed."""

    loss_points: float
    loss_tau: float
    rejected: float

    @property
    def promoted(self) -> float:
        return 1.0 - self.rejected


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """The mean of `count` values and Student's interval around it: beyond each end lies `alpha` of the error."""

    count: int
    mean: float
    low: float
    high: float
    alpha: float

    @property
    def confidence(self) -> float:
        return 1.0 - 2.0 * self.alpha


def mean_interval(values: Sequence[float], alpha: float) -> MeanInterval:
    """Its lower end is `lower_bound`. Of no width where nothing varies. Needs two values or more."""
    mean, low = fmean(values), lower_bound(values, alpha)
    return MeanInterval(len(values), mean, low, 2.0 * mean - low, alpha)


def lower_bound(values: Sequence[float], alpha: float) -> float:
    """LCB = mean - t(1 - alpha, n - 1) · sd / √n; the mean itself where nothing varies. Needs two values or more."""
    count, mean = len(values), fmean(values)
    if min(values) == max(values):
        return mean
    variance = math.fsum([(value - mean) ** 2 for value in values]) / (count - 1)
    return mean - _t_quantile(1.0 - alpha, count - 1) * math.sqrt(variance / count)


def margin_unit(golden: Sequence[float]) -> float:
    """τ: standard deviation of the margins under golden, nats; never below TAU_FLOOR_NATS. Needs two values or more."""
    return max(stdev(golden), TAU_FLOOR_NATS)


def points_to_tau(loss_points: float, pass_rate: float = 0.90) -> float:
    """The mean shift, in τ, that costs a normal population of margins so many points of a pass rate.

    2 / 5 / 10 points of 90 % are 0.107 / 0.245 / 0.440 τ.
    """
    from scipy.stats import norm

    return float(norm.ppf(pass_rate) - norm.ppf(pass_rate - loss_points / 100.0))


def simulate_error_rates(
    policy: GatePolicy,
    *,
    items: int,
    spread: float,
    loss_points: Sequence[float] = (0.0, 2.0, 5.0),
    nights: int = 2_000,
    seed: int = 1,
) -> tuple[ErrorRates, ...]:
    """How often the margins rules reject a night that lost so many points, by simulation.

    A night's change of each item is normal, with mean minus the loss and standard deviation `spread` (s, in τ); items
    stand in equal strata; production is golden, so that the golden limits, being wider, follow from the others.
    """
    per_stratum = max(2, items // len(Stratum))
    random = np.random.default_rng(seed)
    noise = random.standard_normal((nights, len(Stratum), per_stratum)) * spread
    return tuple(_rates(policy, noise, points) for points in loss_points)


def _rates(policy: GatePolicy, noise_NSI: np.ndarray, points: float) -> ErrorRates:  # noqa: N803 - shape in the name
    loss = points_to_tau(points) if points else 0.0
    changes = noise_NSI - loss
    nights, strata, per_stratum = changes.shape
    overall = _bounds(changes.reshape(nights, strata * per_stratum), policy.alpha_overall)
    each = _bounds(changes, policy.alpha_stratum)
    passed = (overall >= policy.production_margin) & (each >= policy.stratum_production_margin).all(axis=1)
    return ErrorRates(points, loss, 1.0 - float(passed.mean()))


def _bounds(values: np.ndarray, alpha: float) -> np.ndarray:
    """`lower_bound` along the last axis."""
    count = values.shape[-1]
    spread = values.std(axis=-1, ddof=1)
    bounds: np.ndarray = values.mean(axis=-1) - _t_quantile(1.0 - alpha, count - 1) * spread / count**0.5
    return bounds


@lru_cache(maxsize=256)
def _t_quantile(probability: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(probability, freedom))
