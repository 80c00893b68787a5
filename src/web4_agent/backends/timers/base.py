"""A scheduler of the machine: calls one command at the times of the timetable and each quarter of an hour.

Implementations: systemd user timers, a marked block in the user's crontab, scripted (in memory, ships for tests). The
contract suite is tests/backends/timers/contract.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Protocol

from web4_agent.domain.errors import ScheduleError


@dataclass(frozen=True, slots=True)
class TimerEntry:
    """`name` tells one home's entry from another's: letters, digits and dashes. `command` is run without a shell's
    help: any character in it but control characters. `zone`: IANA name of the moments' zone; empty: the machine's."""

    name: str
    description: str
    command: tuple[str, ...]
    moments: tuple[time, ...]
    zone: str
    log: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """`places`: files or tables that hold it now; `notes`: what a person should still know or do."""

    kind: str
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Timers(Protocol):
    @property
    def kind(self) -> str: ...

    def trouble(self) -> str:
        """Why this machine can't use it, in a few words; empty where it can."""
        ...

    def preview(self, entry: TimerEntry) -> str:
        """What `install` would write, for people. Raises ScheduleError for what it can't express."""
        ...

    def install(self, entry: TimerEntry) -> Installed:
        """Write it and switch it on; what was there under the name is replaced, everything else is left as it is.

        Idempotent. Raises ScheduleError when the scheduler refuses; then nothing has changed.
        """
        ...

    def remove(self, name: str) -> bool:
        """Switch it off and take it out; False where it was not in. Raises ScheduleError when the scheduler refuses."""
        ...

    def places(self, name: str) -> tuple[str, ...]:
        """Where it is installed; empty where it is not."""
        ...


def refuse_control_characters(words: Sequence[str]) -> None:
    """Raises ScheduleError for a word with a line break or the like, which no scheduler's file can hold."""
    for word in words:
        if any(ord(character) < 32 or ord(character) == 127 for character in word):
            raise ScheduleError(f"a path with a control character can't be scheduled: {word!r}", "rename the folder")
