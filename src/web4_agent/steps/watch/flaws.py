"""What is wrong with an answer, told from its text alone: empty, looping, or of a broken form.

Called by the gateway for every answer (a few microseconds each) and by the replay before a promotion. Knows no engine.
"""

import json
import string

from web4_agent.domain.queries import Flaw

TAIL_CHARS = 2_000
"""A model that loops does so until it is stopped, so that the end shows it."""
SHORTEST_LOOP_CHARS = 160
REPEATS = 4
_KEY_CHARS = 24
WORDS = 120
FEWEST_WORDS = 60
_RUN = 4
LEAST_DISTINCT = 0.35
"""Of the runs of four words among the last 120. Prose, code and tables stay above: see docs/probation.md."""
_FENCE = "```"
_WORDS_CHARS = 1_000
_NO_LETTERS = string.digits + string.punctuation
_BLANKED = bytes.maketrans(_NO_LETTERS.encode(), b" " * len(_NO_LETTERS))
"""On bytes, since translating a text that is not ASCII takes ten times as long."""


def flaw_of(text: str, finish: str, *, called: bool = False, wants_json: bool = False) -> Flaw:
    """The first flaw of an answer that came to its end. `finish`: `stop`, `length` or `tool_calls`, as engines say it.

    An answer that was cut by its limit has no broken form: the limit broke it.
    """
    if not text or text.isspace():
        return Flaw.NONE if called else Flaw.EMPTY
    if is_looping(text):
        return Flaw.LOOPING
    if finish == "stop" and not called and (has_open_fence(text) or (wants_json and not is_json(text))):
        return Flaw.FORMAT
    return Flaw.NONE


def is_looping(text: str) -> bool:
    """The end of the text repeats itself: exactly, at least four times, or in its words with hardly a new turn."""
    tail = text[-TAIL_CHARS:].rstrip()
    if len(tail) < SHORTEST_LOOP_CHARS:
        return False
    return _repeats_exactly(tail) or _says_nothing_new(tail)


def has_open_fence(text: str) -> bool:
    """A fence of code was opened and not closed."""
    return text.count(_FENCE) % 2 == 1


def is_json(text: str) -> bool:
    """An object or an array, and nothing else."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return False
    try:
        json.loads(stripped)
    except (ValueError, RecursionError):
        return False
    return True


def _repeats_exactly(tail: str) -> bool:
    """The distance to where the last few characters stood before is the period, if there is one."""
    before = tail.rfind(tail[-_KEY_CHARS:], 0, len(tail) - 1)
    if before < 0:
        return False
    period = len(tail) - _KEY_CHARS - before
    covered = max(REPEATS * period, SHORTEST_LOOP_CHARS)
    return covered <= len(tail) and tail[-covered + period :] == tail[-covered:-period]


def _says_nothing_new(tail: str) -> bool:
    """Numbers and marks do not count: a list that counts up and says the same in every line is a loop, too."""
    words = tail[-_WORDS_CHARS:].encode("utf-8", "replace").translate(_BLANKED).split()[-WORDS:]
    if len(words) < FEWEST_WORDS:
        return False
    runs = zip(words, words[1:], words[2:], words[3:], strict=False)
    return len(set(runs)) < LEAST_DISTINCT * (len(words) - _RUN + 1)
