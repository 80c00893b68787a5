"""The targets of training-first, and how a measured figure is held against one. Pure; called by the reports."""

from dataclasses import dataclass
from enum import StrEnum

from web4_agent.domain.queries import Route
from web4_agent.records.query_hours import Totals, together
from web4_agent.steps.proportions import Share, share

TOO_FEW = 30
"""Queries below which no target is judged: a share of 30 is known to about 17 points."""
_TRAINED = frozenset({Route.TRAINED})
_TOOLS = frozenset({Route.TOOLS, Route.BOTH})
_HISTORY = frozenset({Route.HISTORY, Route.BUFFER, Route.BOTH})


class TargetStatus(StrEnum):
    OK = "ok"
    WARN = "warn"
    """Off target, but inside the alarm's limits, or outside by no more than chance explains."""
    ALARM = "alarm"
    TOO_FEW = "too few to judge"


@dataclass(frozen=True, slots=True)
class Target:
    """Aimed at `aim_low` to `aim_high`; outside `alarm_low` to `alarm_high` it is an alarm. Shares, or milliseconds."""

    name: str
    aim: str
    aim_low: float
    aim_high: float
    alarm_low: float
    alarm_high: float
    unit: str = ""


TRAINED_TARGET = Target("pure trained", "50-60 %", 0.50, 0.60, 0.45, 0.65)
TOOLS_TARGET = Target("uses tools", "about 30 %", 0.275, 0.325, 0.25, 0.35)
"""The specification says 'about 30 %': half-way to its alarm still counts as that."""
HISTORY_TARGET = Target("uses history", "10-20 %", 0.10, 0.20, 0.10, 0.25)
ERROR_TARGET = Target("errors", "under 5 %", 0.0, 0.05, 0.0, 0.05)
LATENCY_TARGET = Target("average latency", "about 2100 ms, alarm at 2500", 0.0, 2_100.0, 0.0, 2_500.0, "ms")


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """`low` and `high`: the 95 % interval of a share; of the latency, the measured value itself."""

    target: Target
    measured: float
    low: float
    high: float
    status: TargetStatus


def judge(target: Target, measured: Share | float, queries: int) -> TargetCheck:
    """Hold a share, or a figure that is known as it is, against a target."""
    value, low, high = (
        (measured.value, measured.low, measured.high) if isinstance(measured, Share) else (measured, measured, measured)
    )
    if queries < TOO_FEW:
        status = TargetStatus.TOO_FEW
    elif target.aim_low <= value <= target.aim_high:
        status = TargetStatus.OK
    elif high < target.alarm_low or low > target.alarm_high:
        status = TargetStatus.ALARM
    else:
        status = TargetStatus.WARN
    return TargetCheck(target, value, low, high, status)


def route_checks(totals: dict[Route, Totals]) -> tuple[TargetCheck, ...]:
    queries = together(totals.values()).queries

    def of(routes: frozenset[Route]) -> Share:
        return share(sum(found.queries for route, found in totals.items() if route in routes), queries)

    return (
        judge(TRAINED_TARGET, of(_TRAINED), queries),
        judge(TOOLS_TARGET, of(_TOOLS), queries),
        judge(HISTORY_TARGET, of(_HISTORY), queries),
    )
