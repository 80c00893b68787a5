"""The command line over a home without models: errors, exit codes, hints; what it loads and what it does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from web4_agent.cli.main import run
from web4_agent.domain import errors
from web4_agent.domain.errors import Web4Error


def leaves(kind: type[Web4Error] = Web4Error) -> list[type[Web4Error]]:
    return [leaf for child in kind.__subclasses__() for leaf in [child, *leaves(child)]]


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from web4_agent.cli.main import run\n"
        "assert run(['--help']) == 0\n"
        "heavy = {'torch', 'transformers', 'peft', 'chromadb', 'onnxruntime', 'scipy', 'sqlalchemy', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [
        *("init", "index", "evening", "morning", "ask", "status", "adapters", "rollback", "doctor", "demo"),
        *("report", "distribution", "satisfaction", "hot", "feedback", "why", "export"),
        *("schedule", "run", "up", "evaluate"),
    ],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "Usage: web4-agent" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["index"],
        ["evening"],
        ["morning"],
        ["adapters"],
        ["doctor"],
        ["rollback"],
        ["ask", "what?"],
        ["report"],
    ],
)
def test_without_a_home_each_command_says_how_to_make_one(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--home", str(tmp_path / "none")]) == errors.HomeError.exit_code
    told = capsys.readouterr().err
    assert f"there is no home at {tmp_path / 'none'}" in told
    assert "web4-agent init" in told
    assert not (tmp_path / "none").exists()


def test_a_wrong_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "--nonsense"]) == 2
    assert "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["index", "--date", "yesterday"], "--date 'yesterday' is no date"),
        (["index", "--all", "--date", "2026-03-02"], "exclude each other"),
        (["evening", "--abandon", "--dry-run"], "--abandon stands alone"),
    ],
)
def test_wrong_values_name_the_option(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == errors.UsageError.exit_code
    assert said in capsys.readouterr().err


def test_a_home_without_a_ledger_can_be_looked_at_only_after_init(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "web4.toml").write_text("")
    assert run(["status", "--home", str(tmp_path)]) == errors.DatabaseError.exit_code
    assert "web4-agent init" in capsys.readouterr().err


def test_a_bad_setting_stops_a_command_before_it_does_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "web4.toml").write_text("[training]\nepoch = 3\n")
    assert run(["evening", "--home", str(tmp_path)]) == errors.SettingsError.exit_code
    assert "training.epochs" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["web4.toml"]


def test_a_bug_is_told_in_one_line_and_its_traceback_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("wires crossed")

    monkeypatch.setattr("web4_agent.bootstrap.open_home", broken)
    assert run(["status"]) == 70
    told = capsys.readouterr().err
    assert "wires crossed" in told
    (report,) = tmp_path.iterdir()
    assert str(report) in told
    assert "Traceback" in report.read_text()


def test_exit_codes_are_those_that_the_tree_of_errors_promises() -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]
    assert len(drawn) == len(leaves())
    for leaf in leaves():
        line = next(text for text in (errors.__doc__ or "").splitlines() if f" {leaf.__name__} " in text)
        assert f" {leaf.exit_code} " in line


def test_every_error_carries_message_and_hint() -> None:
    for leaf in leaves():
        made = leaf("the thing is wrong", "type this")
        assert (str(made), made.hint) == ("the thing is wrong", "type this")


def test_json_is_json_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from web4_agent.bootstrap import utc_now
    from web4_agent.domain.home import Home
    from web4_agent.domain.ids import ContentHash
    from web4_agent.flows.founding import FoundingParts, found
    from web4_agent.storage.database import Database, sqlite_url

    home = Home(tmp_path)
    home.settings.write_text("")
    parts = FoundingParts(
        lambda: Database(sqlite_url(home.ledger)), lambda _: ContentHash("0" * 64), lambda _: None, utc_now
    )
    found(parts, lambda _: None)
    assert run(["status", "--home", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pointer"]["production"] == "base"
    assert run(["adapters", "--home", str(tmp_path), "--json"]) == 0
    assert [one["version"] for one in json.loads(capsys.readouterr().out)] == ["base"]
