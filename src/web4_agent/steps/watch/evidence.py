"""Evidence against a rate, valid whenever one looks: the test behind every alarm of probation.

A bet against "the rate is at most p": each answer multiplies the stake by q/p when the event came and by (1-q)/(1-p)
when it did not, for a rate q above p. While the claim holds the stake grows in no way of betting, so the chance that it
ever reaches 1/alpha is at most alpha, however often and whenever one looks (J. Ville 1939; G. Shafer 2021). The stake
is spread over several q, since nobody knows how bad a bad adapter is. Pure; knows no query.
"""

import math
from collections.abc import Mapping

from web4_agent.domain.probation import Count, Counts, Finding, ProbationPolicy, Sign

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""The rates that are bet on, as the part of the way from the tolerated rate to certainty."""
HIGHEST_EXPECTED = 0.5
"""Of a sign that is more usual than this a growth says little; it is not tested."""
_LARGEST_LOG = 700.0


def evidence(count: Count, expected: float) -> float:
    """The e-value of `count` against a rate of at most `expected` (above 0, below 1); 1 where nothing was counted."""
    logs = []
    for step in STEPS:
        rate = expected + step * (1.0 - expected)
        won = count.events * math.log(rate / expected)
        lost = (count.trials - count.events) * math.log((1.0 - rate) / (1.0 - expected))
        logs.append(won + lost)
    top = max(logs)
    mean = top + math.log(sum(math.exp(one - top) for one in logs) / len(logs))
    return math.exp(min(mean, _LARGEST_LOG))


def limit(policy: ProbationPolicy) -> float:
    """The evidence from which a sign alarms: all signs together alarm falsely with a chance of `alpha` at most."""
    return len(Sign) / policy.alpha


def findings(
    counts: Counts, usual: Counts, expected: Mapping[Sign, float], policy: ProbationPolicy
) -> tuple[Finding, ...]:
    """Every sign that is tested, as it stands now, in the order of the signs."""
    made = []
    for sign in Sign:
        if sign not in expected:
            continue
        count, before = counts.get(sign, Count()), usual.get(sign, Count())
        found = evidence(count, expected[sign])
        made.append(
            Finding(
                sign=sign,
                events=count.events,
                trials=count.trials,
                usual=before.events / before.trials if before.trials else 0.0,
                expected=expected[sign],
                evidence=found,
                limit=limit(policy),
                alarm=found >= limit(policy) and count.events >= policy.minimum_events,
            )
        )
    return tuple(made)
