"""The commands of the query log over a home without models."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.interactions import asked, source
from web4_agent.bootstrap import Runtime, open_home, utc_now
from web4_agent.cli.main import run
from web4_agent.domain.errors import UsageError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.domain.queries import Route
from web4_agent.flows.founding import FoundingParts, found
from web4_agent.storage.database import Database, sqlite_url

ID = asked(0).response


def founded(root: Path) -> Home:
    home = Home(root)
    home.settings.write_text("")
    parts = FoundingParts(
        lambda: Database(sqlite_url(home.ledger)), lambda _: ContentHash("0" * 64), lambda _: None, utc_now
    )
    found(parts, lambda _: None)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty queries of the last minute."""
    root = founded(tmp_path_factory.mktemp("home")).root
    runtime: Runtime = open_home(root, follow=False)
    log = runtime.query_log()
    now = utc_now() - timedelta(minutes=1)
    for number in range(40):
        tools = {"route": Route.TOOLS, "sources": (source("a.md"),)} if number % 4 == 0 else {}
        log.add(asked(number, at_utc=now, **tools))
    assert log.flush()
    log.close()
    runtime.close()
    assert run(["feedback", ID, "up", "--comment", "just so", "--home", str(root)]) == 0
    return root


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("report", ["40", "1,800 ms", "pure trained", "75.0 %", "errors", "ok", "alarm"]),
        ("distribution", ["tools", "25.0 %", "about 30 %", "█"]),
        ("satisfaction", ["100.0 %", "1 of 1 thumbs", "no thumbs to compare with", "base"]),
        ("hot", ["a.md", "10", "hot cache"]),
    ],
)
def test_a_report_is_a_table_or_json(
    home: Path, command: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--home", str(home), "--days", "2"]) == 0
    told = capsys.readouterr().out
    assert [word for word in said if word not in told] == []
    assert run([command, "--home", str(home), "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("report", "no query was logged in the last 7 days"),
        ("distribution", "no query was logged in the last 7 days"),
        ("satisfaction", "nobody gave a thumb"),
        ("hot", "no document was put before the model"),
        ("export", ""),
    ],
)
def test_an_empty_log_is_said_in_a_line(
    tmp_path: Path, command: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--home", str(founded(tmp_path).root)]) == 0
    assert capsys.readouterr().out.startswith(said)


def test_why_tells_what_is_known_of_an_answer(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", ID, "--home", str(home)]) == 0
    told = capsys.readouterr().out
    for words in ("question 0", "answer 0", "route: tools", "a.md", "just so", "nothing of the journal was trained"):
        assert words in told
    assert run(["why", ID, "--home", str(home), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["interaction"]["response"] == ID


@pytest.mark.parametrize("arguments", [["why", "w4-no"], ["feedback", "w4-no", "up"], ["feedback", ID, "sideways"]])
def test_what_names_no_response_is_a_usage_error(
    home: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--home", str(home)]) == UsageError.exit_code
    assert "try: " in capsys.readouterr().err


def test_an_export_replaces_a_file_only_when_told(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log.jsonl"
    command = ["export", "--home", str(home), "--out", str(file)]
    assert run(command) == 0
    assert len([json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]) == 40
    file.write_text("mine")
    assert run(command) == UsageError.exit_code
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert run([*command, "--force"]) == 0
    assert len(file.read_text(encoding="utf-8").splitlines()) == 40
    assert run(["export", "--home", str(home)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(len(json.loads(line)["feedback"]) for line in lines) == 1
