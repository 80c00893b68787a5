"""A marked block in the user's crontab; every other byte of it stays as it is.

Chosen by bootstrap where there is no systemd, or by `--cron`. Cron knows no zones and makes up for nothing: the block
calls `run --due` each quarter of an hour and at the jobs' minutes, and the ledger does the rest.
"""

import re
import shlex
from dataclasses import dataclass

from web4_agent.backends.timers.base import Installed, TimerEntry, refuse_control_characters
from web4_agent.backends.timers.running import call, is_there, said
from web4_agent.domain.errors import ScheduleError

_QUARTERS = (0, 15, 30, 45)
_PLACE = "crontab"


@dataclass(frozen=True, slots=True)
class CronTimers:
    kind: str = "cron"

    def trouble(self) -> str:
        return "" if is_there("crontab") else "there is no crontab"

    def preview(self, entry: TimerEntry) -> str:
        return _block(entry).decode()

    def install(self, entry: TimerEntry) -> Installed:
        table = _read()
        kept, _ = _without(table, entry.name)
        ending = b"" if not kept or kept.endswith(b"\n") else b"\n"
        wanted = kept + ending + _block(entry)
        if wanted != table:
            _write(wanted)
        note = "cron makes up for nothing by itself: what was missed is seen at the next quarter of an hour"
        return Installed(self.kind, (_PLACE,), (note,))

    def remove(self, name: str) -> bool:
        kept, found = _without(_read(), name)
        if found:
            _write(kept)
        return found

    def places(self, name: str) -> tuple[str, ...]:
        return (_PLACE,) if not self.trouble() and _without(_read(), name)[1] else ()


def _block(entry: TimerEntry) -> bytes:
    """A percent sign means a line break to cron unless a backslash stands before it, also between quotes."""
    refuse_control_characters((*entry.command, str(entry.log), entry.description))
    minutes = sorted({(at.minute + quarter) % 60 for at in entry.moments for quarter in _QUARTERS} | set(_QUARTERS))
    command = f"{shlex.join(entry.command)} >>{shlex.quote(str(entry.log))} 2>&1".replace("%", "\\%")
    first, last = _marks(entry.name)
    lines = (first.decode(), f"{','.join(map(str, minutes))} * * * * {command}", last.decode())
    return ("\n".join(lines) + "\n").encode()


def _marks(name: str) -> tuple[bytes, bytes]:
    return (
        f"# >>> {name}: written by web4-agent schedule install".encode(),
        f"# <<< {name}: web4-agent schedule remove takes it out".encode(),
    )


def _without(table: bytes, name: str) -> tuple[bytes, bool]:
    """The crontab without the block, and whether it was there.

    Raises ScheduleError when its first line stands without its last: what lies between can't be told from other lines.
    """
    first, last = _marks(name)
    block = re.compile(
        rb"^" + re.escape(first) + rb"\n(?:(?!#[ ](?:>>>|<<<)).*\n)*?" + re.escape(last) + rb"(?:\n|\Z)", re.MULTILINE
    )
    kept, found = block.subn(b"", table)
    if first in kept.split(b"\n") or last in kept.split(b"\n"):
        raise ScheduleError(
            f"the crontab holds half of the block {name}", f"crontab -e (take out the lines of {name}), then run again"
        )
    return kept, bool(found)


def _read() -> bytes:
    done = call(["crontab", "-l"])
    if done.returncode == 0:
        return done.stdout
    if b"no crontab" in done.stderr:
        return b""
    raise ScheduleError(f"the crontab can't be read: {said(done)}", "web4-agent up")


def _write(table: bytes) -> None:
    done = call(["crontab", "-"], table) if table else call(["crontab", "-r"])
    if done.returncode != 0:
        raise ScheduleError(f"the crontab was refused: {said(done)}", "web4-agent up")
