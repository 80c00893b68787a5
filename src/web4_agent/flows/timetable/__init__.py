"""The timetable: what is due is run, what was missed is reported, and whoever is to call it is installed.

Called by `web4-agent run --due`, `up` and `schedule`. Knows neither settings nor which scheduler the machine has.
"""

from web4_agent.flows.timetable.due import Pass, run_due
from web4_agent.flows.timetable.installing import install, remove
from web4_agent.flows.timetable.keeping import each_minute, keep
from web4_agent.flows.timetable.overview import JobStanding, Overview, overview
from web4_agent.flows.timetable.parts import TimetableParts

__all__ = [
    "JobStanding",
    "Overview",
    "Pass",
    "TimetableParts",
    "each_minute",
    "install",
    "keep",
    "overview",
    "remove",
    "run_due",
]
