"""Shares and what a count of so many says about them: Wilson's interval, and Newcombe's for a difference.

Called by reporting. Pure; knows no query.
"""

import math
from dataclasses import dataclass

Z_95 = 1.959964
"""The standard normal distribution's 97.5 % quantile: intervals of 95 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, and the 95 % interval of the share behind it. All zero to one where there is nothing."""

    part: int
    whole: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """Later share minus earlier share, with its 95 % interval."""

    value: float
    low: float
    high: float


def share(part: int, whole: int) -> Share:
    """The score interval of E. B. Wilson (1927): holds for few and for shares near 0 and 1 too."""
    if whole <= 0:
        return Share(0, 0, 0.0, 0.0, 1.0)
    value, z2 = part / whole, Z_95**2
    middle = (value + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z_95 * math.sqrt(value * (1 - value) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return Share(part, whole, value, max(0.0, middle - half), min(1.0, middle + half))


def change(earlier: Share, later: Share) -> Change:
    """The hybrid score interval of R. G. Newcombe (1998, method 10), from both shares' Wilson intervals."""
    value = later.value - earlier.value
    down = math.hypot(later.value - later.low, earlier.high - earlier.value)
    up = math.hypot(later.high - later.value, earlier.value - earlier.low)
    return Change(value, max(-1.0, value - down), min(1.0, value + up))
