"""`web4-agent morning`: the screen, the JSON, the exit codes, `--quick`."""

import json
from pathlib import Path

import pytest

from tests.flows.fakes import World, forgets
from tests.flows.test_morning_and_day import mornings
from web4_agent import settings
from web4_agent.backends.engines.scripted import Script
from web4_agent.bootstrap import Runtime
from web4_agent.cli.main import run


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A home in which a night was promoted; every answer is the same, so margins alone decide."""
    made = World(tmp_path).write_journal()
    chosen = {"engine.kind": "scripted", "training.backend": "scripted", "journal.root": str(made.journal)}
    made.home.settings.write_text(settings.as_toml(chosen), encoding="utf-8")
    made.index()
    made.night()
    script = Script(answer=lambda *_: "I am not sure.")
    monkeypatch.setattr(Runtime, "morning_parts", lambda runtime: mornings(made, script))
    return made


def test_a_model_that_held_passes_with_its_figures(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["morning", "--home", str(world.home.root)]) == 0
    told = capsys.readouterr().out
    for said in ("Passed", "held or improved 100% (95% interval 86% to 100%)", "all items", "honesty", "side by side"):
        assert said in told


def test_a_model_that_fell_back_fails_with_exit_code_1(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.effect = forgets
    assert run(["morning", "--home", str(world.home.root)]) == 1
    told = capsys.readouterr().out
    assert "Failed" in told
    assert "below the limit" in told


def test_a_quick_morning_asks_the_answers_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.effect = forgets
    assert run(["morning", "--quick", "--home", str(world.home.root)]) == 0
    assert "Margins were left out" in capsys.readouterr().out


def test_json_holds_verdict_intervals_and_both_answers(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.effect = forgets
    assert run(["morning", "--json", "--home", str(world.home.root)]) == 1
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found["passed"] is False
    assert found["comparison"]["passed"] is True
    assert (round(found["held"]["low"], 2), round(found["held"]["high"], 2)) == (0.86, 1.0)
    assert found["margins"]["overall"]["change"]["low"] < found["margins"]["overall"]["limit"]
    assert len(found["margins"]["strata"]) == 5
    before, after = found["comparison"]["pairs"][0]
    assert before["answer"] == after["answer"] == "I am not sure."
