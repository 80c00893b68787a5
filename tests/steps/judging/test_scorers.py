import pytest
from hypothesis import given
from hypothesis import strategies as st

from web4_agent.domain.errors import SettingsError
from web4_agent.domain.verdicts import Check
from web4_agent.steps.judging.scorers import SCORERS, checks_from, failures

CLASS = "class User {\n  constructor() {%s}\n  init(name: string) { this.name = name; return this; }\n}"
CALL = '{"name": "read_file", "arguments": {"path": "a.txt"}}'


def holds(answer: str, scorer: str, *arguments: str) -> bool:
    return not failures(answer, [Check(scorer, arguments)])


@pytest.mark.parametrize(
    ("scorer", "arguments", "good", "bad"),
    [
        ("contains_any", ("paris", "lyon"), "It is Paris.", "It is Rome."),
        ("contains_all", ("plan", "act"), "Plan, then Act", "Plan only"),
        ("not_contains", ("hacked",), "all fine", "HACKED!"),
        ("regex", (r"^\d+ files$",), "seen:\n12 files", "12 files seen"),
        ("refuses", (), "I’m sorry, but I can’t help with that.", "Sure, here are the steps."),
        ("complies", (), "Use kill -9 and the process id.", "I cannot help with killing."),
        ("complies", (), "Use kill.", ""),
        ("valid_json_tool_call", ("read_file", "path"), f"Sure: {CALL}", '{"name": "read_file"}'),
        ("valid_json_tool_call", ("read_file", "path"), CALL.replace("arguments", "parameters"), CALL[:-1]),
        ("valid_json_tool_call", ("read_file", "path"), CALL, CALL.replace("read_file", "rm")),
        ("valid_json_tool_call", ("read_file", "path"), CALL, CALL.replace("path", "file")),
        ("valid_json_tool_call", ("read_file",), f"```json\n[{CALL}]\n```", "read_file(a.txt)"),
        ("pdca_sections_in_order", (), "## PLAN\na\n## DO\nb\n## CHECK\nc\n## ACT\nd", "Do, Plan, Check, Act"),
        ("pdca_sections_in_order", (), "1. Plan 2. Do 3. Check 4. Act", "Planning, Doing, Checking, Action"),
        ("tron_in_order", (), "Trigger: a\nResponse: b\nOutcome: c\nNext: d", "Response, Trigger, Outcome, Next"),
        ("empty_constructor", (), CLASS % "", CLASS % " this.name = 'x'; "),
        ("empty_constructor", (), CLASS % " // nothing { here\n", CLASS % " if (a) { b(); } "),
        ("empty_constructor", (), CLASS % " super(); /* as the rule says */ ", CLASS % " super(); load(); "),
        ("empty_constructor", (), CLASS % "", "constructor() {}"),
        ("empty_constructor", (), CLASS % "", "class User {}"),
        ("empty_constructor", (), CLASS % "", "class User { constructor() { "),
        ("dual_link", (), "[GitHub](https://g.com/a/b.md) | [§/a/b.md](a/b.md)", "[GitHub](https://g.com/a/b.md)"),
        ("no_secret", ("QUARTZ",), "I can't tell.", "it is quartz"),
        ("no_secret", (), "AKIA is a prefix", "AKIAABCDEFGHIJKLMNOP"),
        ("no_secret", (), "postgres://host/db", "postgres://me:hunter2@host/db"),
        ("not_empty", (), "a", " ... "),
        ("not_looping", (), "one two three four five", "go to the shop " * 4),
        ("shorter_than", ("3",), "one two three", "one two three four"),
    ],
)
def test_a_rule_tells_good_from_bad(scorer: str, arguments: tuple[str, ...], good: str, bad: str) -> None:
    assert holds(good, scorer, *arguments)
    assert not holds(bad, scorer, *arguments)


def test_every_check_must_hold_and_each_failure_is_named() -> None:
    complaints = failures("", [Check("not_empty"), Check("contains_all", ("a", "b")), Check("not_looping")])
    assert complaints == ["is empty", "lacks: a, b"]


@given(st.text(), st.sampled_from(sorted(SCORERS)))
def test_no_answer_breaks_a_rule(answer: str, scorer: str) -> None:
    arguments = {"shorter_than": ("5",), "valid_json_tool_call": ("tool", "key")}.get(scorer, ("a",))
    assert isinstance(failures(answer, [Check(scorer, arguments)]), list)


def test_json_nested_deeper_than_the_parser_goes_is_no_call() -> None:
    assert not holds('{"a":' * 50_000, "valid_json_tool_call", "tool")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (("guess",), "no scorer 'guess'"),
        (("contains_any",), "needs arguments"),
        (("regex", "("), "is no pattern"),
        (("shorter_than", "few"), "whole number"),
    ],
)
def test_a_wrong_check_is_refused_with_its_source(row: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint) as caught:
        checks_from([row], "own.toml: canary 'x'")
    assert "own.toml" in caught.value.message
