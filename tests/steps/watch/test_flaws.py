"""Flaws of single answers: found where they are, and not found in real prose, code and data."""

import time
from itertools import count

import pytest

from tests.conftest import DEMO_JOURNAL, JOURNAL
from web4_agent.domain.queries import Flaw
from web4_agent.steps.watch.flaws import TAIL_CHARS, flaw_of, has_open_fence, is_json, is_looping

PROSE = (
    "The queue limit was raised from 64 to 128 after the second pump came into service. Before that, every morning "
    "between six and seven the harbour's gauges sent more readings than the broker could take, and the oldest were "
    "dropped without a word. We measured it for a week, changed one figure, and measured again: nothing was lost. The "
    "limit stands in the settings beside its reason, and the alarm fires at three quarters of it. "
)


def windows(text: str, chars: int = 1500, step: int = 1000) -> list[str]:
    return [text[at : at + chars] for at in range(0, max(1, len(text) - chars), step)]


@pytest.mark.parametrize(
    "text",
    [
        PROSE + "The answer is yes. " * 12,
        "!" * 200,
        PROSE + "\n".join(f"{number}. Check the log and restart the service." for number in range(1, 30)),
        "Ja, das müssen wir prüfen und dann weitersehen, wie es geht. " * 8,
        PROSE + "I am sorry. I am very sorry. " * 9 + "I am",
    ],
)
def test_a_text_that_repeats_itself_at_its_end_is_looping(text: str) -> None:
    assert is_looping(text)
    assert flaw_of(text, "length") is Flaw.LOOPING


@pytest.mark.parametrize(
    "text",
    [
        PROSE * 1,
        "no no no no",
        "The list:\n" + "\n".join(f"- item {number}" for number in range(8)),
        "\n".join(f"| {number} | {number * 7 % 13} | {number**2} |" for number in range(60)),
        "x = 1\n" + "\n".join(f"def test_case_{name}() -> None:\n    assert run('{name}') == 0" for name in "abcd"),
    ],
)
def test_prose_lists_and_tables_are_not(text: str) -> None:
    assert not is_looping(text)


def test_no_text_of_the_demo_journal_is_called_looping() -> None:
    texts = [window for file in DEMO_JOURNAL.rglob("*.md") for window in windows(file.read_text(encoding="utf-8"))]
    assert len(texts) >= 50
    assert [text for text in texts if is_looping(text)] == []


@pytest.mark.journal
def test_no_text_of_the_real_journal_is_called_looping() -> None:
    texts = [window for file in JOURNAL.rglob("*.md") for window in windows(file.read_text("utf-8", "replace"))]
    assert len(texts) > 1_000
    assert sum(map(is_looping, texts)) == 0


def test_nothing_said_is_empty_unless_a_tool_was_called() -> None:
    assert flaw_of("", "stop") is Flaw.EMPTY
    assert flaw_of(" \n\t", "length") is Flaw.EMPTY
    assert flaw_of("", "tool_calls", called=True) is Flaw.NONE


def test_a_fence_left_open_is_a_broken_form_unless_the_limit_cut_it() -> None:
    text = "So:\n```python\nprint(1)\n"
    assert has_open_fence(text)
    assert flaw_of(text, "stop") is Flaw.FORMAT
    assert flaw_of(text, "length") is Flaw.NONE
    assert flaw_of(text + "```\n", "stop") is Flaw.NONE


def test_json_is_demanded_only_where_it_was_asked_for() -> None:
    assert flaw_of('{"a": 1', "stop", wants_json=True) is Flaw.FORMAT
    assert flaw_of('{"a": 1', "stop") is Flaw.NONE
    assert flaw_of(' {"a": [1, 2]} ', "stop", wants_json=True) is Flaw.NONE
    assert flaw_of("42", "stop", wants_json=True) is Flaw.FORMAT
    assert not is_json("[" * 100_000)


def test_what_no_text_should_hold_breaks_nothing() -> None:
    assert flaw_of("\ud800" * 500, "stop") is Flaw.LOOPING
    assert flaw_of("\0", "stop") is Flaw.NONE


def test_a_long_answer_is_judged_by_its_end_alone_so_that_the_time_stays_small() -> None:
    numbers = count()
    text = "".join(f"{PROSE}{next(numbers)} " for _ in range(200))
    assert len(text) > 20 * TAIL_CHARS
    started = time.process_time()
    for _ in range(200):
        is_looping(text)
    assert (time.process_time() - started) / 200 < 0.001  # 20 µs where nothing else runs
