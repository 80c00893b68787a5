"""A timetable over a real ledger, a clock that is set by hand, and commands that are scripted."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from web4_agent.domain.alerts import Alert
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.domain.jobs import JobName, JobRun
from web4_agent.domain.runs import RunState
from web4_agent.flows.founding import FoundingParts, found
from web4_agent.flows.timetable import Pass, TimetableParts, run_due
from web4_agent.records import alerts, jobs, runs
from web4_agent.steps.timetable import Job
from web4_agent.steps.timetable.child import Stop
from web4_agent.storage.database import Database

BERLIN = ZoneInfo("Europe/Berlin")
INDEX = Job(JobName.INDEX, time(21), time(6))
EVENING = Job(JobName.EVENING, time(22), time(6))
MORNING = Job(JobName.MORNING, time(9), time(12))


def local(day: int, hour: int, minute: int = 0, zone: tzinfo = BERLIN) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=zone).astimezone(UTC)


@dataclass
class House:
    """`codes`: what each command ends with, by its name; `meanwhile` is called while it runs."""

    root: Path
    database: Database
    at: datetime = field(default_factory=lambda: local(10, 20))
    set_jobs: tuple[Job, ...] = (INDEX, EVENING)
    codes: dict[str, list[int]] = field(default_factory=dict)
    meanwhile: Callable[[str], None] = lambda name: None
    calls: list[tuple[str, ...]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    reached: Callable[[str], None] = lambda point: None
    takes: timedelta = timedelta(minutes=1)
    host: str = "here"

    def __post_init__(self) -> None:
        self.home = Home(self.root)
        parts = FoundingParts(lambda: self.database, lambda _: ContentHash("0" * 64), lambda _: None, lambda: self.at)
        found(parts, lambda _: None)

    @property
    def parts(self) -> TimetableParts:
        return TimetableParts(
            self.database,
            self.home,
            self.set_jobs,
            lambda: BERLIN,
            lambda: self.at,
            self._launch,
            self.host,
            stop=self.stop,
            alert=self._alert,
            say=self.lines.append,
            reached=self.reached,
        )

    def look(self, at: datetime | None = None) -> Pass:
        self.at = at or self.at
        return run_due(self.parts)

    def row(self, job: JobName, day: int) -> JobRun | None:
        with self.database.read() as connection:
            return jobs.get(connection, job, date(2026, 6, day))

    @property
    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def begin_night(self) -> None:
        """What `web4-agent evening` leaves when it is killed."""
        with self.database.begin() as connection:
            runs.start(connection, "night", self.at.date(), self.at)

    def end_night(self, state: RunState = RunState.PROMOTED) -> None:
        with self.database.begin() as connection:
            night = runs.open_run(connection, "night")
            assert night is not None
            runs.end(connection, night.id, state, self.at)

    def _launch(self, arguments: Sequence[str], log: Path, stop: Stop) -> int:
        self.calls.append(tuple(arguments))
        log.parent.mkdir(parents=True, exist_ok=True)
        code = (self.codes.get(arguments[0]) or [0]).pop(0)
        with log.open("a", encoding="utf-8") as stream:
            stream.write("working …\nerror: there is no room\n  try: make some\n" if code > 1 else "working …\ndone\n")
        self.meanwhile(arguments[0])
        self.at += self.takes
        return code

    def _alert(self, connection: Connection, alert: Alert) -> None:
        alerts.put(connection, alert)
        self.alerts.append(alert)
