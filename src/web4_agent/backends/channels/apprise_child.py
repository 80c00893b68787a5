"""The child process that sends with apprise: a job on standard input, an outcome a line on standard output.

Started by `apprise_channel.py`. It leaves by itself when its time is up, so that it outlives no parent for long. Of
what the library logs only signs are taken, never words: its messages hold URLs, and a URL may be a token.
"""

import json
import logging
import os
import re
import sys
import threading
from collections import defaultdict
from contextvars import ContextVar
from typing import Any

from web4_agent.backends.channels.base import OutcomeState

GRACE_S = 5.0
_said: ContextVar[list[str] | None] = ContextVar("said", default=None)
_STATUS = re.compile(r"(?:\berror=|Exception: \()(\d{3})\b")
"""As the library logs the status of a web hook, and a mail server's."""
_SIGNS = (
    ("refused", "the connection was refused"),
    ("timed out", "no answer in time"),
    ("timeout", "no answer in time"),
    ("name or service", "its host is not known"),
    ("resolve", "its host is not known"),
    ("certificate", "its certificate is not accepted"),
    ("authentication", "the login was refused"),
    ("recipient", "its recipient was refused"),
    ("reset", "the connection broke off"),
    ("connection", "no connection"),
)


def main() -> None:
    """Send what standard input asks for: one thread a channel."""
    job = json.load(sys.stdin)
    _leave_after(float(job["timeout_s"]) + GRACE_S)
    by_url: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for letter in job["letters"]:
        by_url[letter["url"]].append(letter)
    threads = [threading.Thread(target=_deliver, args=(url, letters)) for url, letters in by_url.items()]
    _quiet_library()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def trouble_of(messages: list[str]) -> str:
    """What the library's messages come to, in words of ours."""
    text = " ".join(messages)
    status = _STATUS.findall(text)
    if status:
        return f"the channel answered {status[-1]}"
    lower = text.lower()
    return next((said for sign, said in _SIGNS if sign in lower), "the channel did not take it")


class _Collected(logging.Handler):
    """Puts the library's messages where the thread that sends wants them: the library sends in threads of its own, to
    which the context goes along."""

    def emit(self, record: logging.LogRecord) -> None:
        said = _said.get()
        if said is not None:
            said.append(record.getMessage())


def _quiet_library() -> None:
    logger = logging.getLogger("apprise")
    logger.handlers = [_Collected()]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


def _deliver(url: str, letters: list[dict[str, Any]]) -> None:
    """All letters of one channel, in order, until one fails."""
    import apprise

    asset = apprise.AppriseAsset(storage_mode="memory", async_mode=False)
    channel = apprise.Apprise.instantiate(url, asset=asset)
    failed = False
    for letter in letters:
        if failed:
            _tell(letter, OutcomeState.UNTRIED, "")
        elif channel is None:
            failed = True
            _tell(letter, OutcomeState.FAILED, "the address is not one that apprise knows")
        else:
            failed = not _send(channel, letter)


def _send(channel: Any, letter: dict[str, Any]) -> bool:  # the library ships no types that hold
    import apprise

    plain = apprise.NotifyFormat.TEXT
    marked = apprise.NotifyFormat.MARKDOWN
    formats = channel.notify_format if isinstance(channel.notify_format, tuple) else (channel.notify_format,)
    takes_markup = marked in formats or apprise.NotifyFormat.HTML in formats
    everyone = apprise.Apprise(asset=channel.asset)
    everyone.add(channel)
    said: list[str] = []
    _said.set(said)
    done = bool(
        everyone.notify(
            title=letter["subject"],
            body=letter["markdown"] if takes_markup else letter["text"],
            body_format=marked if takes_markup else plain,
        )
    )
    _tell(letter, OutcomeState.SENT if done else OutcomeState.FAILED, "" if done else trouble_of(said))
    return done


def _tell(letter: dict[str, Any], state: OutcomeState, trouble: str) -> None:
    line = json.dumps({"number": letter["number"], "state": state, "trouble": trouble})
    os.write(1, line.encode() + b"\n")  # one write a line: threads don't mix


def _leave_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main()
