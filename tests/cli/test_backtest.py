"""`web4-agent backtest` over a scripted trainer: what it prints, and what it says to a wrong request."""

import json
from pathlib import Path

import pytest

from tests.flows.fakes import World
from tests.flows.test_backtest import DAYS, Past
from web4_agent import settings
from web4_agent.bootstrap import Runtime
from web4_agent.cli.main import run
from web4_agent.domain import errors


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Past:
    """A journal, a home, and a trainer in place of the real one."""
    world = World(tmp_path / "world")
    world.home.settings.write_text(settings.as_toml({"engine.kind": "scripted", "training.backend": "scripted"}))
    made = Past(tmp_path)
    monkeypatch.setenv("WEB4_HOME", str(world.home.root))
    monkeypatch.setattr(Runtime, "backtest_parts", lambda _, folder, items: made.parts(folder=folder))
    return made


def _arguments(past: Past, *more: str) -> list[str]:
    home = str(past.root / "world" / "home")
    caps = ["--documents", "3", "--tokens", "500", "--held-out", "2", "--questions", "3"]
    return ["backtest", "--journal", str(past.journal), "--out", str(past.root / "bt"), "--home", home, *caps, *more]


def test_it_prints_each_recipe_with_its_matrices_and_where_the_picture_lies(
    past: Past, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(_arguments(past)) == 0
    told = capsys.readouterr().out
    for said in ("specification", "shipped", "joint (shipped)", "joint ratio", "forgetting", "general / base"):
        assert said in told
    assert "specification: bits per byte" in told
    assert "shipped: questions answered rightly" in told
    assert str(past.root / "bt" / "backtest.png") in told


def test_a_window_of_days_and_json(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    window = f"{DAYS[1]}..{DAYS[2]}"
    assert run(_arguments(past, "--days", window, "--recipe", "specification", "--joint", "none", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["days"] == list(DAYS[1:])
    assert [one["recipe"] for one in told["summaries"]] == ["specification"]


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--days", "2026-03-02"], errors.UsageError.exit_code, "is no window"),
        (["--days", "2026-03-04..2026-03-02"], errors.UsageError.exit_code, "ends before it begins"),
        (["--days", "2030-01-01.."], errors.JournalError.exit_code, "can be trained"),
        (["--recipe", "nowhere.toml"], errors.SettingsError.exit_code, "nowhere.toml"),
        (["--recipe", "shipped", "--recipe", "shipped"], errors.UsageError.exit_code, "two recipes are called shipped"),
        (["--journal", "/nowhere/at/all"], errors.JournalError.exit_code, "does not exist"),
    ],
)
def test_a_wrong_request_is_named_with_what_to_type(
    past: Past, capsys: pytest.CaptureFixture[str], more: list[str], code: int, said: str
) -> None:
    assert run(_arguments(past, *more)) == code
    told = capsys.readouterr().err
    assert said in told
    assert "try:" in told


def test_a_recipe_with_an_unknown_key_is_named(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = past.root / "mine.toml"
    recipe.write_text('name = "mine"\nreplay_share = 0.4')
    assert run(_arguments(past, "--recipe", str(recipe))) == errors.SettingsError.exit_code
    assert "unknown key: replay_share" in capsys.readouterr().err
    assert not past.trainer.jobs


def test_a_recipe_changed_between_two_calls_is_refused(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = past.root / "mine.toml"
    recipe.write_text('name = "mine"\nminimum_samples = 1')
    asked = _arguments(past, "--recipe", str(recipe), "--joint", "none")
    assert run(asked) == 0
    recipe.write_text('name = "mine"\nminimum_samples = 1\nlearning_rate = 0.3')
    assert run(asked) == errors.UsageError.exit_code
    assert "learning_rate" in capsys.readouterr().err
