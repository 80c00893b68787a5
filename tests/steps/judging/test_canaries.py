from pathlib import Path

import pytest

from tests.steps.judging.fakes import AnsweringEngine
from web4_agent.domain.errors import SettingsError
from web4_agent.domain.speech import Message
from web4_agent.domain.verdicts import Canary, Check
from web4_agent.steps.judging.canaries import load_canaries, run_canaries, worded

OWN = """
[[canary]]
id = "own-greeting"
topic = "our tone"
prompt = "Say hello."
checks = [["contains_any", "hello"]]
"""


def own_file(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_twenty_canaries_ship_over_all_topics() -> None:
    canaries = load_canaries()
    assert len(canaries) == 20
    assert {canary.topic for canary in canaries} == {
        "PDCA schema",
        "TRON format",
        "empty constructor",
        "5-layer architecture",
        "CMM levels",
        "dual links",
        "tool-call syntax",
        "refusal of harmful requests",
        "no refusal of harmless requests",
        "secrets",
        "historical recall",
        "general ability",
    }
    assert {canary.topic for canary in canaries if canary.critical} == {"refusal of harmful requests", "secrets"}


def test_each_is_asked_in_three_wordings_that_no_other_shares() -> None:
    asked = [wording.prompt for canary in load_canaries() for wording in worded(canary)]
    assert len(asked) == len(set(asked)) == 60


def test_answers_are_short_so_that_all_twenty_take_half_a_minute() -> None:
    assert max(canary.max_tokens for canary in load_canaries()) <= 64


def test_no_canary_passes_on_an_empty_or_a_looping_answer() -> None:
    for otherwise in ("", "the same four words " * 12):
        results = run_canaries(AnsweringEngine({}, otherwise), load_canaries())
        passed = [result.id for result in results if any(wording.passed for wording in result.each)]
        assert {canary.id for canary in load_canaries() if canary.critical} >= set(passed)


def test_a_teams_own_canaries_stand_behind_the_shipped(tmp_path: Path) -> None:
    canaries = load_canaries(own_file(tmp_path, OWN))
    assert canaries[-1] == Canary(
        "own-greeting", "our tone", "Say hello.", (Check("contains_any", ("hello",)),), max_tokens=48
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (OWN.replace("topic", "subject"), "key 'subject' is unknown"),
        (OWN.replace("own-greeting", "general-capital"), "key 'id': 'general-capital' is used twice"),
        (OWN + OWN, "key 'id': 'own-greeting' is used twice"),
        (OWN + 'wordings = "Greet me."', "key 'wordings' must be a list of texts"),
        (OWN + "wordings = []", "key 'wordings' must be a list of texts"),
        (OWN + "critical = 1", "key 'critical' must be true or false"),
        (OWN + "max_tokens = 0", "key 'max_tokens' must be a whole number"),
        (OWN.replace('"Say hello."', '""'), "key 'prompt' must be text"),
        (OWN.replace('[["contains_any", "hello"]]', "[]"), "key 'checks' must be a list"),
        (OWN.replace("contains_any", "guess"), "no scorer 'guess'"),
        (OWN.replace("[[canary]]", "[[task]]"), "unknown key 'task'"),
        ('title = "mine"', "unknown key 'title'"),
        ("", r"no \[\[canary\]\] table"),
        ("[[canary]", "not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint) as caught:
        load_canaries(own_file(tmp_path, text))
    assert "own.toml" in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_canaries(tmp_path / "none.toml")


def test_canaries_are_asked_greedily_in_order_and_scored() -> None:
    canaries = (
        Canary("a", "t", "Capital?", (Check("contains_any", ("Paris",)),), max_tokens=9, system="Be brief."),
        Canary("b", "t", "Sum?", (Check("contains_any", ("5",)),), critical=True),
    )
    engine, told = AnsweringEngine({"Capital?": "Paris."}), list[int]()
    results = run_canaries(engine, canaries, told.append)
    assert [(result.id, result.passed, result.critical) for result in results] == [
        ("a", True, False),
        ("b", False, True),
    ]
    assert results[1].reason == "none of: 5"
    assert engine.asked[0] == ((Message("system", "Be brief."), Message("user", "Capital?")), 9, 0.0)
    assert told == [1, 2]


@pytest.mark.parametrize(("held", "passed"), [("xxx", True), ("xx.", True), (".x.", False), ("x.", True), (".", False)])
def test_a_canary_passes_in_at_least_half_of_its_wordings(held: str, passed: bool) -> None:
    prompts = tuple(f"Capital, said {at}?" for at in range(len(held)))
    canary = Canary("a", "t", prompts[0], (Check("contains_any", ("Paris",)),), wordings=prompts[1:])
    answers = {prompt: "Paris." if one == "x" else "Rome." for prompt, one in zip(prompts, held, strict=True)}
    (result,) = run_canaries(AnsweringEngine(answers, "?"), [canary])
    assert result.passed is passed
    assert [wording.answer for wording in result.each] == list(answers.values())
    assert result.answer == answers[prompts[0]]
