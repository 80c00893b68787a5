"""User timers of systemd: one timer with a line for each job's time and one for each quarter of an hour, one service.

Chosen by bootstrap. Persistent timers make up for a machine that was off; `run --due` decides what that means.
"""

from dataclasses import dataclass
from pathlib import Path

from web4_agent.backends.timers.base import Installed, TimerEntry, refuse_control_characters
from web4_agent.backends.timers.running import call, is_there, said
from web4_agent.domain.errors import ScheduleError
from web4_agent.storage.atomic import publish_text

_CTL = ("systemctl", "--user")
_STOP_S = 120
"""Longer than a night takes to be stopped, see steps/timetable/child."""


@dataclass(frozen=True, slots=True)
class SystemdTimers:
    """`folder`: where this user's units lie; `user`: whose they are."""

    folder: Path
    user: str
    kind: str = "systemd"

    def trouble(self) -> str:
        if not is_there("systemctl"):
            return "there is no systemctl"
        done = call([*_CTL, "show-environment"])
        return "" if done.returncode == 0 else f"no systemd runs for this user: {said(done)}"

    def preview(self, entry: TimerEntry) -> str:
        return "\n".join(f"# {path}\n{text}" for path, text in self._units(entry).items())

    def install(self, entry: TimerEntry) -> Installed:
        units = self._units(entry)
        before = {path: path.read_text(encoding="utf-8") if path.is_file() else None for path in units}
        for path, text in units.items():
            publish_text(text, path)
        try:
            _ask("daemon-reload")
            _ask("enable", f"{entry.name}.timer")
            _ask("restart", f"{entry.name}.timer")  # started already, it would keep the times it had
        except ScheduleError:
            self._restore(before)
            raise
        return Installed(self.kind, tuple(map(str, units)), self._notes())

    def remove(self, name: str) -> bool:
        paths = self.places(name)
        if not paths:
            return False
        _ask("disable", "--now", f"{name}.timer")
        for path in paths:
            Path(path).unlink(missing_ok=True)
        _ask("daemon-reload")
        return True

    def places(self, name: str) -> tuple[str, ...]:
        return tuple(str(path) for path in self._paths(name) if path.is_file())

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.service", self.folder / f"{name}.timer"

    def _units(self, entry: TimerEntry) -> dict[Path, str]:
        service, timer = self._paths(entry.name)
        return {service: service_unit(entry), timer: timer_unit(entry)}

    def _restore(self, before: dict[Path, str | None]) -> None:
        for path, text in before.items():
            if text is None:
                path.unlink(missing_ok=True)
            else:
                publish_text(text, path)
        call([*_CTL, "daemon-reload"])

    def _notes(self) -> tuple[str, ...]:
        if not is_there("loginctl"):
            return ()
        done = call(["loginctl", "show-user", self.user, "--property=Linger"])
        if done.returncode == 0 and b"Linger=yes" in done.stdout:
            return ()
        return (
            f"timers of a user run only while the user is logged in; for nights: loginctl enable-linger {self.user}",
        )


def service_unit(entry: TimerEntry) -> str:
    """The service's text. Raises ScheduleError for a path that can't be written down."""
    refuse_control_characters((*entry.command, entry.description))
    if "$" in entry.command[0]:
        raise ScheduleError(
            f"systemd can't run a program with $ in its path: {entry.command[0]}", "web4-agent schedule install --cron"
        )
    program, *arguments = (_quoted(word) for word in entry.command)
    line = " ".join([program, *(word.replace("$", "$$") for word in arguments)])
    return f"""\
[Unit]
Description={entry.description.replace("%", "%%")}

[Service]
Type=oneshot
ExecStart={line}
Nice=5
KillMode=mixed
TimeoutStartSec=infinity
TimeoutStopSec={_STOP_S}
"""


def timer_unit(entry: TimerEntry) -> str:
    zone = f" {entry.zone}" if entry.zone else ""
    times = "".join(f"OnCalendar=*-*-* {at:%H:%M}:00{zone}\n" for at in entry.moments)
    return f"""\
[Unit]
Description={entry.description.replace("%", "%%")}

[Timer]
{times}OnCalendar=*:0/15
Persistent=true
AccuracySec=30s

[Install]
WantedBy=timers.target
"""


def _quoted(word: str) -> str:
    """A word between double quotes, as systemd.syntax(7) reads it; a percent sign alone would be a specifier."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _ask(*words: str) -> None:
    done = call([*_CTL, *words])
    if done.returncode != 0:
        raise ScheduleError(
            f"systemctl --user {' '.join(words)} failed: {said(done)}", "web4-agent schedule install --cron"
        )
