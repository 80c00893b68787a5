"""What runs without anybody: alerts and the timetable.

Part of the runtime, over what the settings choose.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from web4_agent.backends.timers.base import TimerEntry
    from web4_agent.flows.alerting import AlertingParts, Delivery
    from web4_agent.flows.timetable import TimetableParts
    from web4_agent.steps.timetable import Job
    from web4_agent.steps.timetable.child import Stop

from web4_agent.bootstrap.chosen import DEFAULT_HOME, LOOKS_EVERY
from web4_agent.bootstrap.day import Daily


class Alone(Daily):
    """Parts of what nobody watches."""

    def alerting_parts(self) -> "AlertingParts":
        from zoneinfo import ZoneInfo

        from web4_agent.domain.alerts import parse_quiet_hours, parse_rules
        from web4_agent.flows.alerting import AlertingParts

        chosen = self.settings.alerts
        zone = ZoneInfo(chosen.time_zone)
        return AlertingParts(
            self.database,
            self.alert_channels(),
            self.now,
            parse_rules(chosen.rules),
            zone,
            parse_quiet_hours(chosen.quiet_hours, zone),
            timedelta(minutes=chosen.fold_minutes),
        )

    def deliver_alerts(self, budget_s: float | None = None) -> "Delivery":
        """Send what is due; for those with other things to do: it never raises, and returns what went wrong.

        Once an hour it looks first for figures off their targets and a disk nearly full.
        """
        from web4_agent.flows.alerting import deliver_quietly

        return deliver_quietly(self.watchful_alerting_parts, budget_s or self.settings.alerts.timeout_s)

    def watchful_alerting_parts(self) -> "AlertingParts":
        """As `alerting_parts`, after a look for what no command tells of, if the last was an hour ago. Raises
        DatabaseError."""
        from web4_agent.flows.disk_room import DiskRoomParts, tell_of_disk
        from web4_agent.flows.reporting.drift import tell_of_drift

        now = self.now()
        if self._looked_utc is None or now - self._looked_utc >= LOOKS_EVERY:
            self._looked_utc = now
            tell_of_drift(self.reporting_parts())
            wanted = int(self.settings.alerts.disk_gb * 1e9)
            tell_of_disk(DiskRoomParts(self.database, self.home.root, wanted, self.now))
        return self.alerting_parts()

    def timetable_parts(
        self, stop: "Stop | None" = None, say: Callable[[str], None] = lambda line: None
    ) -> "TimetableParts":
        """`stop` ends the job that runs; `say` is told a line for each job that begins or ends."""
        import socket
        import threading

        from web4_agent.flows.timetable import TimetableParts
        from web4_agent.records import alerts
        from web4_agent.steps.timetable import RetryPolicy
        from web4_agent.steps.timetable.child import run_command
        from web4_agent.steps.timetable.zone import find_zone

        chosen = self.settings.schedule
        return TimetableParts(
            self.database,
            self.home,
            self._jobs(),
            lambda: find_zone(chosen.zone, os.environ.get("TZ", "")),
            self.now,
            run_command,
            socket.gethostname(),
            chosen.index_days,
            RetryPolicy(chosen.retries),
            stop or threading.Event(),
            alerts.put,
            say,
        )

    def _jobs(self) -> "tuple[Job, ...]":
        """The jobs that are on. The index may be as late as the night that needs it."""
        from datetime import time

        from web4_agent.domain.jobs import JobName
        from web4_agent.steps.timetable import Job, window_end

        chosen = self.settings.schedule
        evening = chosen.evening_at or chosen.index_at
        until = window_end(time.fromisoformat(evening), chosen.window_h) if evening else time()
        wanted = (
            (JobName.INDEX, chosen.index_at, until),
            (JobName.EVENING, chosen.evening_at, until),
            (JobName.MORNING, chosen.morning_at, time.fromisoformat(chosen.morning_until)),
        )
        return tuple(Job(name, time.fromisoformat(at), last) for name, at, last in wanted if at)

    def timer_entry(self) -> "TimerEntry":
        """What a scheduler is given to call. Homes other than the default one have entries with names of their own."""
        import hashlib
        import sys

        from web4_agent.backends.timers.base import TimerEntry

        root = str(self.home.root)
        default = root == str(Path(DEFAULT_HOME).expanduser())
        suffix = "" if default else f"-{hashlib.sha256(root.encode()).hexdigest()[:8]}"
        python = [sys.executable, "-m", "web4_agent.cli.main"]
        return TimerEntry(
            f"web4-agent{suffix}",
            f"Web4 Agent: what is due in {root}",
            (*python, "run", "--due", "--quiet", "--home", root),
            tuple(job.at for job in self._jobs()),
            self.settings.schedule.zone,
            self.home.logs / "schedule.log",
        )
