"""The timetable kept by a process that stays: looks at each due time, and sleeps between them.

Called by `web4-agent up`, in a thread each. Sleeps in short pieces by the wall clock: a machine that was suspended does
not count the time it slept, so one long sleep would come hours late; and a clock that is set is noticed.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from web4_agent.domain.errors import BusyError, Web4Error
from web4_agent.flows.timetable.due import run_due
from web4_agent.flows.timetable.parts import TimetableParts
from web4_agent.steps.timetable.child import Stop

log = logging.getLogger(__name__)
SHORTEST = timedelta(minutes=1)
"""Between two looks: what fails at once is not tried without a pause."""
LONGEST = timedelta(minutes=15)
"""Somebody may have changed the machine's zone or run a night by hand."""
PIECE_S = 20.0
MINUTE_S = 60.0
_SET_BACK = timedelta(minutes=1)


def keep(parts: TimetableParts) -> None:
    """Run what is due whenever it is, until `parts.stop` is set. An error is told and tried again a minute later."""
    while not parts.stop.is_set():
        now = parts.now()
        try:
            wanted = run_due(parts).next_utc
        except BusyError:  # a timer's `run --due` is at it: it does what this look would have done
            wanted = now
        except Web4Error as error:
            parts.say(f"the timetable could not be looked at: {error.message}")
            log.warning("timetable.look_failed reason=%s", error.message)
            wanted = now
        now = parts.now()
        sleep_until(parts, min(max(wanted, now + SHORTEST), now + LONGEST))


def sleep_until(parts: TimetableParts, at: datetime) -> None:
    """Return at that time by the wall clock, at once when told to stop, and early when the clock is set back."""
    before = parts.now()
    while (now := parts.now()) < at and now >= before - _SET_BACK:
        before = max(before, now)
        if parts.stop.wait(min(PIECE_S, (at - now).total_seconds())):
            return


def each_minute(stop: Stop, deliver: Callable[[], object]) -> None:
    """Call `deliver` each minute until told to stop; an error is noted and the next minute tried again."""
    while not stop.wait(MINUTE_S):
        try:
            deliver()
        except Web4Error as error:
            log.warning("timetable.delivery_failed reason=%s", error.message)
