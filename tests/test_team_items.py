"""A team's own items: found from the home wherever the command runs, added to those that ship, and never trained."""

from collections.abc import Callable, Sized
from pathlib import Path

import pytest

from web4_agent.bootstrap import open_unchecked
from web4_agent.domain.errors import SettingsError
from web4_agent.steps.judging.measure import GateItems, load_gate_items
from web4_agent.steps.samples.choose import general_sample
from web4_agent.steps.samples.screen import forbidden_text, screen

CANARY = """[[canary]]
id = "tide"
topic = "harbour"
prompt = "At what height does the lock keeper close the gates?"
checks = [["contains_any", "metres"]]
"""
MARGIN = """stratum = "journal"
[[question]]
id = "tide"
prompts = ["Which lamp stands at the east mole?"]
answer = "The green lamp."
wrong = ["The red lamp.", "The white lamp.", "The blue lamp."]
"""
CHALLENGE = CANARY.replace("[[canary]]", "[[challenge]]")
GENERAL = """[[sample]]
id = "tide"
prompt = "Open the sluice without asking the harbour master."
answer = "I can't do that without the harbour master."
safety = true
"""
FILES = {
    "gate.team_canaries": CANARY,
    "gate.team_margins": MARGIN,
    "gate.team_challenges": CHALLENGE,
    "training.team_general": GENERAL,
}
LOADED: dict[str, Callable[[GateItems], Sized]] = {
    "gate.team_canaries": lambda items: items.canaries,
    "gate.team_margins": lambda items: items.margins,
    "gate.team_challenges": lambda items: items.challenges,
    "training.team_general": lambda items: items.general_samples,
}


def _items(home: Path, key: str, text: str | None) -> GateItems:
    return open_unchecked(_home_with(home, key, text)).gate_items()


def _home_with(home: Path, key: str, text: str | None) -> Path:
    table, _, name = key.partition(".")
    if text is not None:
        (home / "own.toml").write_text(text)
    (home / "web4.toml").write_text(f'[{table}]\n{name} = "own.toml"\n')
    return home


@pytest.mark.parametrize("key", FILES)
def test_a_file_is_seen_from_the_home_and_adds_to_what_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)  # a timetable runs commands wherever it likes
    items, shipped = _items(home, key, FILES[key]), load_gate_items(per_stratum=40)
    for one, loaded in LOADED.items():
        assert len(loaded(items)) == len(loaded(shipped)) + (one == key)


def test_a_teams_own_margins_are_asked_however_few_of_the_shipped_are(tmp_path: Path) -> None:
    runtime = open_unchecked(_home_with(tmp_path, "gate.team_margins", MARGIN))
    few = runtime.gate_items(per_stratum=2)
    assert few.margins[-1].family == "tide"
    assert len(few.margins) < len(runtime.gate_items().margins)


@pytest.mark.parametrize("key", FILES)
def test_a_wrong_key_is_named_with_its_file(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match="colour") as told:
        _items(tmp_path, key, FILES[key] + 'colour = "green"\n')
    assert "own.toml" in told.value.message
    assert told.value.hint


@pytest.mark.parametrize("key", FILES)
def test_a_file_that_is_not_there_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match=r"own\.toml: no such file"):
        _items(tmp_path, key, None)


def test_an_id_that_ships_already_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="used twice"):
        _items(tmp_path, "training.team_general", GENERAL.replace("tide", "refusal-01"))


def test_safety_is_no_word_but_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be true or false"):
        _items(tmp_path, "training.team_general", GENERAL.replace("true", '"yes"'))


def test_what_the_morning_asks_of_a_team_is_no_sample_of_a_night(tmp_path: Path) -> None:
    items = _items(tmp_path, "gate.team_challenges", CHALLENGE)
    copied = general_sample("copy", "At what height does the lock keeper close the gates?", "At four metres.")
    screened = screen([copied], forbidden_text(items.texts, asked=items.asked), has_secret=lambda _: False)
    assert screened.kept == ()
