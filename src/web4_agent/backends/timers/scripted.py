"""A scheduler in memory, for tests and drills: remembers entries, calls nothing."""

from dataclasses import dataclass, field

from web4_agent.backends.timers.base import Installed, TimerEntry, refuse_control_characters
from web4_agent.domain.errors import ScheduleError


@dataclass(slots=True)
class ScriptedTimers:
    """`lacks`: what `trouble` says; `refuses`: what `install` and `remove` fail with."""

    kind: str = "scripted"
    lacks: str = ""
    refuses: str = ""
    entries: dict[str, TimerEntry] = field(default_factory=dict)

    def trouble(self) -> str:
        return self.lacks

    def preview(self, entry: TimerEntry) -> str:
        refuse_control_characters(entry.command)
        return f"{entry.name}: {' '.join(entry.command)}"

    def install(self, entry: TimerEntry) -> Installed:
        self.preview(entry)
        self._refuse()
        self.entries[entry.name] = entry
        return Installed(self.kind, self.places(entry.name))

    def remove(self, name: str) -> bool:
        self._refuse()
        return self.entries.pop(name, None) is not None

    def places(self, name: str) -> tuple[str, ...]:
        return ("memory",) if name in self.entries else ()

    def _refuse(self) -> None:
        if self.refuses:
            raise ScheduleError(self.refuses, "web4-agent up")
