"""The ledger's vital signs: what serves, how the nights go, what waits for a person. Cheap, and never writes.

Called by the gateway for its metrics, which asks no more than a few times a minute.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from web4_agent.domain.adapters import Pointer
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.home import Home
from web4_agent.domain.probation import ProbationState
from web4_agent.domain.runs import Run, RunState
from web4_agent.domain.verdicts import Verdict
from web4_agent.records import adapters, alerts, documents, probations, runs, verdicts
from web4_agent.steps.backup import listed
from web4_agent.storage.database import Database

GIVEN_UP_FOR = timedelta(days=14)
"""As long the doctor tells of an alert that reached nobody."""
_LAST_NIGHTS = 10
_TOLD = (RunState.PROMOTED, RunState.REJECTED, RunState.NOTHING_NEW, RunState.DONE, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class VitalParts:
    database: Database
    home: Home
    now: Callable[[], datetime]
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free


@dataclass(frozen=True, slots=True)
class Vitals:
    """`rejected_in_a_row`: nights since the last one that was promoted; `undelivered`: alerts that wait after a failed
    attempt, and that were given up lately; `last_backup_utc` is None where there is none."""

    pointer: Pointer
    last_night: Run | None
    open_night: Run | None
    rejected_in_a_row: int
    verdict: Verdict | None
    documents: dict[DocumentState, int]
    undelivered: dict[str, int]
    on_probation: bool
    alarmed: bool
    last_backup_utc: datetime | None
    free_bytes: int


def vitals(parts: VitalParts) -> Vitals:
    """Raises DatabaseError."""
    with parts.database.read() as connection:
        nights = runs.recent(connection, "night", _LAST_NIGHTS)
        last = next((run for run in nights if run.state in _TOLD), None)
        judged = verdicts.of_run(connection, last.id) if last else []
        waiting = alerts.undelivered(connection, parts.now() - GIVEN_UP_FOR)
        watched = probations.open_ones(connection)
        return Vitals(
            pointer=adapters.read_pointer(connection),
            last_night=last,
            open_night=runs.open_run(connection, "night"),
            rejected_in_a_row=_rejected_in_a_row(nights),
            verdict=judged[-1] if judged else None,
            documents=dict.fromkeys(DocumentState, 0) | documents.states(connection),
            undelivered={
                state.value: sum(one.state is state for one in waiting)
                for state in (alerts.DeliveryState.WAITING, alerts.DeliveryState.GAVE_UP)
            },
            on_probation=bool(watched),
            alarmed=any(one.state is ProbationState.ALARMED for one in watched),
            last_backup_utc=_last_backup(parts.home.backups),
            free_bytes=parts.free_bytes(parts.home.root),
        )


def _rejected_in_a_row(nights: list[Run]) -> int:
    """`nights` newest first; those that trained nothing neither count nor end the row."""
    count = 0
    for run in nights:
        if run.state is RunState.PROMOTED:
            break
        count += run.state is RunState.REJECTED
    return count


def _last_backup(folder: Path) -> datetime | None:
    """From the newest name: it begins with the time at which the backup was made."""
    for path in reversed(listed(folder)):
        with suppress(ValueError):  # a folder that a person named
            return datetime.strptime(path.name[:16] + "+0000", "%Y%m%dT%H%M%SZ%z")
    return None
