"""The command `route`: it tells the decision for people and for programs."""

import json
from pathlib import Path

import pytest

from tests.flows.fakes import World
from web4_agent.cli.main import run
from web4_agent.domain.errors import UsageError


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(World(tmp_path).home.root)


def test_it_prints_route_reason_and_days(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["route", "what did we do on 2025-10-03?", "--home", home]) == 0
    told = capsys.readouterr().out
    for word in ("history", "asks what the team did", "timeline", "2025-10-03"):
        assert word in told


def test_it_prints_json_for_programs(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["route", "read src/main.ts", "--home", home, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["route"] == "tools"
    assert told["tiers"] == []


def test_a_wish_changes_the_route_and_a_wrong_one_is_refused(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["route", "explain dual links", "--wish", "force", "--home", home, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["route"] == "history"
    assert run(["route", "hi", "--wish", "perhaps", "--home", home]) == UsageError.exit_code
    assert "auto, force, never" in capsys.readouterr().err
