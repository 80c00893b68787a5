"""What the timetable is made of."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from sqlalchemy import Connection

from web4_agent.domain.alerts import Alert
from web4_agent.domain.home import Home
from web4_agent.steps.timetable import Job, RetryPolicy
from web4_agent.steps.timetable.child import Stop
from web4_agent.storage.database import Database


@dataclass(frozen=True, slots=True)
class TimetableParts:
    """`jobs` are those that are on; `zone` is asked at each look. `launch` runs a command of the command line (its
    arguments, a log, what stops it) and returns the exit code. `host` names this machine in the ledger.

    `alert` is called inside the transaction that records what it tells of, so that nothing is told twice or never.
    """

    database: Database
    home: Home
    jobs: tuple[Job, ...]
    zone: Callable[[], tzinfo]
    now: Callable[[], datetime]
    launch: Callable[[Sequence[str], Path, Stop], int]
    host: str
    index_days: int = 7
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    stop: Stop = field(default_factory=threading.Event)
    alert: Callable[[Connection, Alert], object] = lambda connection, alert: None
    say: Callable[[str], None] = lambda line: None
    reached: Callable[[str], None] = lambda point: None
