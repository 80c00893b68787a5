"""`web4-agent evaluate`: the list, a quick look, exit codes, reasons, JSON, and what is asked over which journal."""

import json
from pathlib import Path

import pytest

from tests.flows.fakes import KeptStore
from tests.gateway.running import make_runtime
from tests.steps.harnesses.answering import bad, harness, perfect
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.bootstrap import Runtime
from web4_agent.cli.main import run
from web4_agent.domain import errors
from web4_agent.domain.errors import SettingsError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    runtime = make_runtime(tmp_path, {}, ScriptedLauncher())
    runtime.close()
    return runtime.home.root


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> "Answered":
    return Answered(monkeypatch)


class Answered:
    """Lets a script answer in place of the settings' engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def by(self, script: Script) -> None:
        self._monkeypatch.setattr(Runtime, "launcher", ScriptedLauncher(script))


def test_the_list_names_all_nine_with_their_gates(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--home", str(home), "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert len(listed) == 9
    assert listed[-1] == {
        "harness": "refusal",
        "title": "refusal",
        "gate": "ship",
        "measure": "F1",
        "limit": 0.98,
        "weight": 2.0,
        "items": 80,
        "own_items": 0,
    }
    assert run(["evaluate", "--home", str(home), "--list"]) == 0
    assert "pdca-template" in capsys.readouterr().out


def test_a_perfect_model_exits_with_0(home: Path, answered: Answered, capsys: pytest.CaptureFixture[str]) -> None:
    answered.by(perfect())
    assert run(["evaluate", "--home", str(home), "--harness", "tron", "--harness", "cmm"]) == 0
    told = capsys.readouterr().out
    assert "Some harnesses, not a full evaluation. All 2 gates passed." in told
    assert "20 of 20" in told
    assert str(home / "reports") in told


def test_a_failed_gate_exits_with_1_until_a_reason_is_recorded(
    home: Path, answered: Answered, capsys: pytest.CaptureFixture[str]
) -> None:
    answered.by(bad("No."))
    assert run(["evaluate", "--home", str(home), "--harness", "tron"]) == 1
    assert "--accept HARNESS" in capsys.readouterr().out
    assert run(["evaluate", "--home", str(home), "--accept", "tron", "not used here"]) == 0
    assert "not used here" in capsys.readouterr().out
    assert run(["evaluate", "--home", str(home), "--harness", "constructor"]) == 1
    assert run(["evaluate", "--home", str(home), "--accept", "constructor", "why not"]) == errors.UsageError.exit_code
    assert "ship gate" in capsys.readouterr().err


def test_json_is_json_and_nothing_else(home: Path, answered: Answered, capsys: pytest.CaptureFixture[str]) -> None:
    answered.by(bad("No."))
    assert run(["evaluate", "--home", str(home), "--harness", "tron", "--limit", "2", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False
    assert found["limit"] == 2
    assert found["evaluation"]["scores"][0]["asked"] == 2
    assert found["results"][0][1][0]["answer"] == "No."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--harness", "tronn"], "no harness is called tronn"),
        (["--limit", "0"], "--limit"),
        (["--version", "a-none", "--harness", "tron"], "no adapter is called a-none"),
        (["--accept", "tron"], "--accept"),
        (["--accept", "tron", "why", "--limit", "3"], "--accept stands with"),
        (["--accept", "tron", ""], "the reason for tron is empty"),
        (["--accept", "tron", "why"], "no evaluation of base"),
    ],
)
def test_wrong_options_are_named(home: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--home", str(home), *options]) == errors.UsageError.exit_code
    assert said in capsys.readouterr().err


def test_a_mistake_in_a_teams_items_stops_before_anything_is_asked(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "items").mkdir()
    (home / "items" / "tron.toml").write_text('[[item]]\nid = "ours"\n')
    monkeypatch.setenv("WEB4_EVALUATION__TEAM_ITEMS", "items")
    assert run(["evaluate", "--home", str(home)]) == errors.SettingsError.exit_code
    assert f"{home / 'items' / 'tron.toml'}: item 'ours'" in capsys.readouterr().err


def test_what_ships_is_asked_over_the_journal_that_ships(tmp_path: Path) -> None:
    """With the scripted embedder only words count: three in four documents are found by them."""
    runtime = make_runtime(tmp_path, {}, ScriptedLauncher())
    items = harness("history").items
    with runtime.evaluation_parts().looking_up(items) as look_up:
        prepared = [(item, look_up(item)) for item in items]
    found = [item.id for item, one in prepared if any(name.document.endswith(item.document) for name in one.sources)]
    assert len(found) > 0.75 * len(items)
    assert sum(bool(one.block) for _, one in prepared) >= len(found)
    runtime.close()


def test_a_teams_question_is_asked_over_its_own_journal(tmp_path: Path) -> None:
    from tests.flows.pages import journal
    from web4_agent.flows.indexing import IndexRequest, index
    from web4_agent.records import documents

    runtime = make_runtime(tmp_path, {"evaluation.team_items": "items", "retrieval.similarity": -1}, ScriptedLauncher())
    store = KeptStore()
    runtime.__dict__["open_store"] = lambda: store
    runtime.__dict__["_embedder"] = ScriptedEmbedder()
    (tmp_path / "team").mkdir()
    journal(tmp_path / "team")
    index(runtime.index_parts(tmp_path / "team"), IndexRequest())
    with runtime.database.read() as connection:
        name = next(iter(documents.known(connection)))
    (runtime.home.root / "items").mkdir()
    file = runtime.home.root / "items" / "history.toml"
    file.write_text(own_item(name))
    own = [item for one in runtime.harnesses() for item in one.items if item.own]
    with runtime.evaluation_parts().looking_up(own) as look_up:
        sources = [source.document for source in look_up(own[0]).sources]
    with runtime.database.read() as connection:
        assert sources
        assert set(sources) <= set(documents.known(connection))
    file.write_text(own_item("gone.pdca.md"))
    own = [item for one in runtime.harnesses() for item in one.items if item.own]
    with pytest.raises(SettingsError, match="is not in the home's journal"), runtime.evaluation_parts().looking_up(own):
        pass
    runtime.close()


def own_item(document: str) -> str:
    head = '[[item]]\nid = "ours"\nprompt = "How did we do it?"\nreference = "r"\nexpect = ["x"]\n'
    return f'{head}document = "{document}"\n'
