"""Which jobs are due: pure, from the jobs' local times, what the ledger knows of their runs, and a clock.

Called by flows/timetable. Knows no settings, no SQL and no process; only `child` starts one.
"""

from web4_agent.steps.timetable.occurrences import Job, Occurrence, next_occurrence, occurrences, window_end
from web4_agent.steps.timetable.plan import Plan, RetryPolicy, plan

__all__ = [
    "Job",
    "Occurrence",
    "Plan",
    "RetryPolicy",
    "next_occurrence",
    "occurrences",
    "plan",
    "window_end",
]
