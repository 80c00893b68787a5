"""`web4-agent tune`: JSON, and what is refused before any work."""

import json
from pathlib import Path

import pytest

from tests.flows.tuned import fill
from tests.runbooks.stage import raise_curtain
from web4_agent.cli.main import run


def test_json_holds_the_report_and_what_was_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = raise_curtain(tmp_path, monkeypatch)
    fill(stage.world)
    file = tmp_path / "mine.toml"
    file.write_text("results = 4\n", encoding="utf-8")
    capsys.readouterr()
    assert run(["tune", "--policy", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["applied"], told["report"]["after"]["results"]) == (0, 4)
    forced = ["tune", "--policy", str(file), "--apply", "--force", "--why", "we read long answers", "--json"]
    assert run(forced) == 0
    assert json.loads(capsys.readouterr().out)["applied"] == 1
    assert run(["tune", "show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["number"], told["versions"][0]["why"]) == (1, "we read long answers")
    assert run(["tune", "revert", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"taken_back": 1, "in_force": 0}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--force"], "--force says nothing without --apply"),
        (["--apply", "--force", "--why", " "], "needs a reason"),
        (["--sections", "128,small"], "no list of whole numbers"),
    ],
)
def test_what_is_refused_says_what_to_type(capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    assert run(["tune", *arguments]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "try: web4-agent tune" in said
