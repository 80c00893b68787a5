"""Drift from the targets, told to people once a day and figure. Called by what runs all the time and after commands."""

from web4_agent.domain import tidings
from web4_agent.flows.reporting.reports import ReportingParts, report
from web4_agent.flows.reporting.targets import TargetCheck, TargetStatus
from web4_agent.records import alerts

DAYS = 7


def tell_of_drift(parts: ReportingParts) -> int:
    """Put an alert for each figure of the last week that is outside its alarm's limits, and not by chance.

    Returns how many are new: told again the same day, nothing is added. Raises DatabaseError.
    """
    found = [check for check in report(parts, DAYS).checks if check.status is TargetStatus.ALARM]
    if not found:
        return 0
    now = parts.now()
    with parts.database.begin() as connection:
        put = [
            alerts.put(connection, tidings.drift(one.target.name, one.target.aim, measured(one), DAYS, now))
            for one in found
        ]
    return sum(put)


def measured(check: TargetCheck) -> str:
    return f"{check.measured:.0f} ms" if check.target.unit == "ms" else f"{check.measured:.1%}"
