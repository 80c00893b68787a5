"""Channels by the notification library apprise: Slack, mail and some hundred others, each by its URL.

Called by bootstrap. The library runs in a child process (`apprise_child.py`): a sink that never answers is ended with
it, its messages with URLs in them stay in it, and the gateway does not carry it. Addresses go over standard input.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import IO

from web4_agent.backends.channels.addresses import Address
from web4_agent.backends.channels.base import Letter, Outcome, OutcomeState
from web4_agent.domain.alerts import ChannelName

CHILD = "web4_agent.backends.channels.apprise_child"
_END_S = 0.5


@dataclass(frozen=True, slots=True)
class AppriseChannels:
    addresses: tuple[Address, ...]
    child: str = field(default=CHILD, kw_only=True)

    @property
    def names(self) -> tuple[ChannelName, ...]:
        return tuple(address.name for address in self.addresses)

    def send(self, letters: Sequence[Letter], timeout_s: float) -> list[Outcome]:
        urls = {address.name: address.url for address in self.addresses}
        known = [letter for letter in letters if letter.channel in urls]
        told = {letter.number: _unknown(letter) for letter in letters if letter.channel not in urls}
        if known:
            job = {"timeout_s": timeout_s, "letters": [_as_job(letter, urls[letter.channel]) for letter in known]}
            told |= _run(self.child, json.dumps(job).encode(), timeout_s)
        silent: set[ChannelName] = set()
        return [told.get(letter.number) or _unanswered(letter, silent, timeout_s) for letter in letters]


def _unknown(letter: Letter) -> Outcome:
    return Outcome(letter.number, OutcomeState.FAILED, "no such channel")


def _as_job(letter: Letter, url: str) -> dict[str, object]:
    return {
        "number": letter.number,
        "url": url,
        "subject": letter.subject,
        "text": letter.text,
        "markdown": letter.markdown,
    }


def _unanswered(letter: Letter, silent: set[ChannelName], timeout_s: float) -> Outcome:
    """The first letter of a channel that nothing came of may be under way still; those behind it were not begun."""
    if letter.channel in silent:
        return Outcome(letter.number, OutcomeState.UNTRIED)
    silent.add(letter.channel)
    return Outcome(letter.number, OutcomeState.FAILED, f"no answer within {timeout_s:.0f} s")


def _run(child: str, job: bytes, timeout_s: float) -> dict[int, Outcome]:
    """What the child told until it ended or its time was up. Its standard error may hold secrets and is not read."""
    deadline = monotonic() + timeout_s
    told: dict[int, Outcome] = {}
    with subprocess.Popen(
        [sys.executable, "-m", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        talk = threading.Thread(target=_talk, args=(process.stdin, process.stdout, job, told), daemon=True)
        talk.start()
        talk.join(max(0.0, deadline - monotonic()))
        process.kill()
        talk.join(_END_S)
    return dict(told)


def _talk(stdin: IO[bytes], stdout: IO[bytes], job: bytes, told: dict[int, Outcome]) -> None:
    with suppress(OSError, ValueError):  # the child died, or was ended at its deadline: what it told counts
        stdin.write(job)
        stdin.flush()
    with suppress(OSError):
        stdin.close()
    with suppress(OSError, ValueError):
        for line in stdout:
            outcome = _read(line)
            if outcome is not None:
                told[outcome.number] = outcome


def _read(line: bytes) -> Outcome | None:
    """None for a line that is no outcome: a library may print."""
    try:
        said = json.loads(line)
        return Outcome(int(said["number"]), OutcomeState(said["state"]), str(said["trouble"])[:200])
    except (ValueError, KeyError, TypeError):
        return None
