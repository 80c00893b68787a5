"""Simulated probations: answers drawn at given rates, judged after every one of them as the gateway would."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from web4_agent.domain.probation import Count, ProbationPolicy
from web4_agent.flows.probation import tolerated as held_to
from web4_agent.steps.watch.evidence import STEPS, limit


@dataclass(frozen=True)
class Outcome:
    """`alarmed`: share of the probations that alarmed; `mean`, `p90`: requests until then, of those that did."""

    alarmed: float
    mean: float
    p90: float


def tolerated(rate: float, rows: int, margin: float, rng: np.random.Generator) -> float:
    """What is held against a version after `rows` answers before it at `rate`."""
    return held_to(Count(int(rng.binomial(rows, rate)), rows), margin)


def probations(
    rng: np.random.Generator,
    requests: int,
    rate: float,
    expected: NDArray[np.float64],
    policy: ProbationPolicy,
) -> Outcome:
    """Probations of `requests` answers each at `rate`; `expected` (runs,) is what each is held to."""
    stopped: list[float] = []
    trials = np.arange(1, requests + 1, dtype=np.int64)
    for held in expected:
        events = np.cumsum(rng.random(requests) < rate, dtype=np.int64)
        fired = np.nonzero(
            (path(events, trials, float(held)) >= math.log(limit(policy))) & (events >= policy.minimum_events)
        )[0]
        if fired.size:
            stopped.append(int(fired[0]) + 1)
    times = np.array(stopped or [math.nan], np.float64)
    return Outcome(len(stopped) / len(expected), float(times.mean()), float(np.quantile(times, 0.9)))


def path(events: NDArray[np.int64], trials: NDArray[np.int64], expected: float) -> NDArray[np.float64]:
    """The log of the evidence after each answer; a test holds it against the product's own function."""
    logs = []
    for step in STEPS:
        rate = expected + step * (1 - expected)
        logs.append(events * math.log(rate / expected) + (trials - events) * math.log((1 - rate) / (1 - expected)))
    return np.asarray(np.logaddexp.reduce(np.stack(logs), axis=0) - math.log(len(STEPS)), np.float64)


def counts(events: NDArray[np.int64], trials: NDArray[np.int64]) -> list[Count]:
    return [Count(int(event), int(trial)) for event, trial in zip(events, trials, strict=True)]
