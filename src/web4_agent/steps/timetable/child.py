"""Runs one command of the command line as a child process, so that a crash or the memory of a night is its own.

Called by flows/timetable through a callable of its parts. The child is in a session of its own: whoever stops the
timetable stops it through `stop`, once, and all of its own children with it.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from web4_agent.domain.errors import HomeError

MODULE = "web4_agent.cli.main"
STOP_S = 30.0
"""A night writes nothing when it is stopped; what it committed is enough. Long enough for a transaction to end."""
_POLL_S = 0.25
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop(Protocol):
    """What threading.Event is: set when the timetable is told to stop."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> bool:
        """True when it is set, at the latest after so many seconds."""
        ...


def run_command(arguments: Sequence[str], log: Path, stop: Stop) -> int:
    """Run `web4-agent ARGUMENTS…` to its end, with both outputs appended to `log`; returns its exit code.

    A negative code is the signal it died of; when `stop` is set, the child is told by SIGTERM, later by SIGKILL.
    Raises HomeError when the log can't be written.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("ab")
    except OSError as error:
        raise HomeError(f"{log} can't be written: {error.strerror}", f"make {log.parent} writable") from error
    with stream:
        child = subprocess.Popen(
            [sys.executable, "-m", MODULE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            while (code := child.poll()) is None:
                if stop.wait(_POLL_S):
                    return _stopped(child)
        except BaseException:
            _stopped(child)
            raise
    return code


def was_stopped(code: int) -> bool:
    """Whether an exit code says that the command was told to stop, by a signal or by what a shell makes of one."""
    return code in {-one for one in STOP_SIGNALS} | {128 + one for one in STOP_SIGNALS}


def _stopped(child: "subprocess.Popen[bytes]") -> int:
    for asked, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, asked)
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        break
    return -signal.SIGTERM
