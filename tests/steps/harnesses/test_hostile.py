"""Answers that no person would give: every rule says no, quickly, and never raises."""

import time

import pytest

from tests.steps.harnesses.answering import HARNESSES, given
from web4_agent.steps.harnesses.harness import MAX_ANSWER_CHARS

LENGTH = MAX_ANSWER_CHARS - 1_000
SLOWEST_S = 5.0
"""CPU time for one answer; on an idle core the slowest takes a tenth of it."""


def filled(piece: str) -> str:
    return piece * (LENGTH // len(piece))


HOSTILE = {
    "nothing": "",
    "too long": "x" * (MAX_ANSWER_CHARS + 1),
    "binary": "\x00\x01\xff PDCA \x00",
    "control characters": filled("\x01\x02\x1b"),
    "half a character": "\udcff\ud800",
    "byte order marks": filled("\ufeff"),
    "one long word": filled("a"),
    "a long path": filled("layer2/"),
    "braces": filled("{"),
    "deep JSON": filled('{"a":'),
    "calls without end": filled('{"name":"read_file","arguments":{"filepath":"README.md"}}'),
    "half a character in a path": '{"name":"read_file","arguments":{"filepath":"\\ud800"}}',
    "a huge number": '{"name":"read_file","arguments":{"filepath":' + "9" * 50_000 + "}}",
    "tags without end": filled("<read_file>"),
    "diffs without end": "<replace_in_file><diff>" + filled("--- SEARCH\n===\n") + "</diff></replace_in_file>",
    "fences": filled("```\n"),
    "a fence that never ends": "```typescript\n" + filled("class A { constructor() {} }\n"),
    "deeply nested classes": filled("class A { m() { "),
    "nested and closed": "class A { m() { " * 3_000 + "} }" * 3_000,
    "deeply nested functions": "(() => { " * 5_000 + "})()" * 5_000,
    "generics": filled("class A<"),
    "templates": filled("`${"),
    "headings": filled("# Plan\n"),
    "triggers": filled("Trigger: x\n"),
    "denials": filled("cmm3 not "),
    "links": filled("[a](b) | "),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_fails_quickly_everywhere(name: str) -> None:
    for harness in HARNESSES:
        for item in (harness.items[0], harness.items[-1]):
            if item.positive is False and name not in {"nothing", "too long", "binary"}:
                continue  # a harmless request is helped with by any words
            started = time.process_time()
            assert item.complaint(given(item, HOSTILE[name])), harness.name
            assert time.process_time() - started < SLOWEST_S, harness.name
