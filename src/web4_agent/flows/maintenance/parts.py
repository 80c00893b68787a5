"""What maintenance is made of, and what it reports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from web4_agent.domain.home import Home
from web4_agent.domain.ids import RunId
from web4_agent.domain.maintenance import Due, Outcome, Rhythm, TaskState, Todo, Upkeep
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.storage.database import Database


@dataclass(frozen=True, slots=True)
class MaintenanceParts:
    """`tasks` does each of them when called; what it raises is that task's failure and no other's."""

    database: Database
    home: Home
    tasks: Mapping[Upkeep, Callable[[], Outcome]]
    now: Callable[[], datetime]
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task of this time. `before_utc`: when it was last done before; None: never. `found` is what it found, or why
    it could not be done."""

    task: Upkeep
    rhythm: Rhythm
    state: TaskState
    found: str
    todo: tuple[Todo, ...]
    seconds: float
    before_utc: datetime | None


@dataclass(frozen=True, slots=True)
class Maintained:
    """`before_utc`: when this rhythm, or a longer one, last ran to its end; None: never. `dues` as they stand now."""

    rhythm: Rhythm
    run: RunId
    started_utc: datetime
    before_utc: datetime | None
    tasks: tuple[TaskRow, ...]
    dues: tuple[Due, ...]

    @property
    def failed(self) -> tuple[TaskRow, ...]:
        return tuple(one for one in self.tasks if one.state is TaskState.FAILED)

    @property
    def todo(self) -> tuple[tuple[Upkeep, Todo], ...]:
        """All that is left for a person: what is amiss first."""
        ordered = sorted(self.tasks, key=lambda one: one.state is TaskState.WELL)
        return tuple((one.task, todo) for one in ordered for todo in one.todo)
