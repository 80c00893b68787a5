"""The commands for tools, folders and collections over a real home: a real vector store, and an embedder of words."""

import json
from pathlib import Path

import pytest

from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.bootstrap import Runtime, utc_now
from web4_agent.cli.main import run
from web4_agent.domain import errors
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.flows.founding import FoundingParts, found
from web4_agent.records import switches
from web4_agent.storage.database import Database, sqlite_url

COMMANDS = (
    ["collections"],
    ["collections", "reindex", "process_docs"],
    ["collections", "forget", "process_docs", "x"],
    ["tools"],
    ["tools", "list"],
    ["tools", "show", "x"],
    ["tools", "check"],
    ["tools", "use", "x"],
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = Home(tmp_path / "home")
    made.root.mkdir()
    made.settings.write_text("")
    found(
        FoundingParts(
            lambda: Database(sqlite_url(made.ledger)), lambda _: ContentHash("0" * 64), lambda _: None, utc_now
        ),
        lambda _: None,
    )
    monkeypatch.setattr(Runtime, "embedder", lambda _: ScriptedEmbedder())
    monkeypatch.setenv("WEB4_HOME", str(made.root))
    return made.root


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    assert "Usage: web4-agent" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one[:2] not in (["tools"], ["tools", "check"])], ids=" ".join
)
def test_without_a_home_each_says_how_to_make_one(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--home", str(tmp_path / "none")]) == errors.HomeError.exit_code
    assert "web4-agent init" in capsys.readouterr().err


def test_a_day_with_folders_and_tools(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = tmp_path / "handbook"
    docs.mkdir()
    (docs / "release.md").write_text("# How we release\n\nNever on Fridays.\n")
    assert run(["index", "--docs", str(docs), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["references"]["folders"][0]["new"] == 1
    assert "journal" not in told
    assert run(["index", "--docs", str(docs)]) == 0
    assert "0 chunks written" in capsys.readouterr().out
    assert run(["tools", "use", "cline"]) == 0
    assert "cline is in force" in capsys.readouterr().out
    with Database(sqlite_url(home / "ledger.db")).read() as connection:
        assert switches.get(connection, switches.ECOSYSTEM) == "cline"
    assert run(["collections", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert len(listed) == 5
    assert listed["process_docs"]["vectors"] == listed["process_docs"]["documents"] == 1
    assert listed["tool_examples"]["healthy"]
    assert run(["collections", "reindex", "process_docs"]) == 0
    assert "1 chunks embedded anew" in capsys.readouterr().out
    assert run(["collections", "forget", "process_docs", str(docs)]) == 0
    assert "1 files of" in capsys.readouterr().out
    assert run(["collections", "forget", "process_docs", str(docs)]) == errors.UsageError.exit_code


def test_a_collection_that_differs_is_exit_code_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tools", "use", "cline"]) == 0
    from web4_agent.backends.vectors.chroma import ChromaStore

    store = ChromaStore(home / "vectors")
    store.remove("tool_examples", sorted(set(store.ids("tool_examples").values()))[:1])
    store.close()
    assert run(["collections"]) == 1
    assert "web4-agent collections reindex tool_examples" in capsys.readouterr().out


@pytest.mark.usefixtures("home")
def test_listing_and_showing_packs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tools", "list", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["cline", "continue"]
    assert run(["tools", "list"]) == 0
    assert "in force" in capsys.readouterr().out
    assert run(["tools", "show", "continue"]) == 0
    shown = capsys.readouterr().out
    assert '{"name": "read_file", "arguments": {"filepath": "scripts/deploy.sh"}}' in shown
    assert "dirPath, recursive" in shown
    assert run(["tools", "use", "emacs"]) == errors.UsageError.exit_code
    assert "known are cline, continue" in capsys.readouterr().err


def test_checking_a_pack_names_each_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tools", "check", "--home", str(tmp_path / "none")]) == 0
    assert "cline: well" in capsys.readouterr().out
    (tmp_path / "harbour").mkdir()
    assert run(["tools", "check", str(tmp_path / "harbour")]) == 1
    told = capsys.readouterr().out
    assert "harbour: 3 problems" in told
    assert "pack harbour, pack.toml, the file: can't be read" in told


@pytest.mark.usefixtures("home")
def test_a_wrong_folder_or_name_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "--docs", str(tmp_path / "none")]) == errors.UsageError.exit_code
    assert "can't be read" in capsys.readouterr().err
    assert run(["collections", "reindex", "notes"]) == errors.UsageError.exit_code
    assert "process_docs" in capsys.readouterr().err
