"""What the days were like: figures a day, the targets of training-first, satisfaction, the most used documents; and
what the nights made of them.

Called by the CLI and the gateway's dashboard. Reads the roll-up and never the log itself, so that a report over
millions of queries takes milliseconds. Days are UTC. Only `drift.py` writes: alerts.
"""

from web4_agent.flows.reporting.figures import Span
from web4_agent.flows.reporting.nights import NightRow, Nights, nights
from web4_agent.flows.reporting.quality import Quality
from web4_agent.flows.reporting.reports import (
    Distribution,
    Hot,
    Report,
    ReportingParts,
    Satisfaction,
    distribution,
    hot,
    report,
    satisfaction,
)
from web4_agent.flows.reporting.targets import TargetCheck, TargetStatus

__all__ = [
    "Distribution",
    "Hot",
    "NightRow",
    "Nights",
    "Quality",
    "Report",
    "ReportingParts",
    "Satisfaction",
    "Span",
    "TargetCheck",
    "TargetStatus",
    "distribution",
    "hot",
    "nights",
    "report",
    "satisfaction",
]
