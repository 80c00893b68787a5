"""Runs the schedulers' own programs, with a time limit, in the language that is matched here."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from web4_agent.domain.errors import ScheduleError

TIMEOUT_S = 30.0


def is_there(program: str) -> bool:
    return shutil.which(program) is not None


def call(words: Sequence[str], given: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run it; `given` is its standard input. Raises ScheduleError when it can't be started or does not end."""
    try:
        return subprocess.run(
            words,
            input=given if given is not None else b"",
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScheduleError(f"{words[0]} can't be used: {error}", "web4-agent up") from error


def said(done: "subprocess.CompletedProcess[bytes]") -> str:
    """What it complained about, in one line."""
    text = (done.stderr or done.stdout).decode("utf-8", "replace")
    return " ".join(text.split())[:300] or f"exit code {done.returncode}"
