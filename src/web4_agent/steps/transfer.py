"""What a sequence of nights keeps and loses: the figures of continual learning, from the matrix of scores.

R[i][j] is the score on day j after night i, higher is better; days and nights are numbered alike. Definitions:
Lopez-Paz and Ranzato 2017 (average, backward and forward transfer), Chaudhry et al. 2018 (forgetting, intransigence).

Called by the backtest. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True, slots=True)
class Transfer:
    """In the unit of the scores; None where it can't be known (one night only, or no joint training).

    `average`: mean score over all days after the last night; `base`: before the first. `own`: mean score on each day
    right after its own night. `backward`: mean change on earlier days since their own night (negative: forgotten).
    `forward`: mean gain over the base on each day just before its own night. `forgetting`: mean distance of earlier
    days from their best, never negative; `worst` of them. `joint_ratio`: gain over the base as a part of joint
    training's. `intransigence`: mean of joint minus own.
    """

    average: float
    base: float
    own: float
    backward: float | None
    forward: float | None
    forgetting: float | None
    worst: float | None
    joint_ratio: float | None
    intransigence: float | None


def transfer(
    scores_NN: Sequence[Sequence[float]],  # noqa: N803 - shape in the name: nights, days
    base_N: Sequence[float],  # noqa: N803 - as above
    joint_N: Sequence[float] | None = None,  # noqa: N803 - as above
) -> Transfer:
    """Raises ValueError for an empty or ragged matrix."""
    count = len(scores_NN)
    lengths = {len(row) for row in scores_NN} | {len(base_N)} | ({len(joint_N)} if joint_N is not None else set())
    if not count or lengths != {count}:
        raise ValueError(f"{count} nights of days {sorted(lengths)}: a square matrix is needed")
    last, own = scores_NN[-1], [scores_NN[day][day] for day in range(count)]
    earlier = range(count - 1)
    lost = [max(row[day] for row in scores_NN[day:]) - last[day] for day in earlier]
    gain = fmean(last) - fmean(base_N)
    possible = fmean(joint_N) - fmean(base_N) if joint_N is not None else 0.0
    return Transfer(
        average=fmean(last),
        base=fmean(base_N),
        own=fmean(own),
        backward=fmean(last[day] - own[day] for day in earlier) if earlier else None,
        forward=fmean(scores_NN[day - 1][day] - base_N[day] for day in range(1, count)) if earlier else None,
        forgetting=fmean(lost) if lost else None,
        worst=max(lost) if lost else None,
        joint_ratio=gain / possible if possible else None,
        intransigence=None if joint_N is None else fmean(a - b for a, b in zip(joint_N, own, strict=True)),
    )
