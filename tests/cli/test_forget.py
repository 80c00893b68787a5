"""`web4-agent forget` over a home without models: what it refuses, asks, shows and leaves."""

import json
from pathlib import Path

import pytest

from tests.cli.test_reports import founded
from tests.flows.fakes import KeptStore
from tests.flows.pages import page, write
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.bootstrap import Runtime, utc_now
from web4_agent.cli.main import run
from web4_agent.flows.indexing import IndexParts, IndexRequest, index
from web4_agent.storage.database import Database, sqlite_url

NAME = "2026-03-02/2026-03-02-UTC-0900-vault-door.pdca.md"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One indexed document, and a vector store in memory."""
    made = founded(tmp_path)
    write(tmp_path / "journal", "0900-vault-door", page("vault door procedure", "The word is zanzibarquux."))
    store = KeptStore()
    monkeypatch.setattr(Runtime, "embedder", lambda runtime: ScriptedEmbedder())
    monkeypatch.setattr(Runtime, "open_store", lambda runtime: store)
    monkeypatch.setattr(Runtime, "_fresh_store", lambda runtime, place: KeptStore())
    database = Database(sqlite_url(made.ledger))
    parts = IndexParts(database, tmp_path / "journal", ScriptedEmbedder(), lambda: store, utc_now)
    index(parts, IndexRequest())
    database.close()
    return made.root


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the documents"),
        (["2026-03-0*"], "is a pattern"),
        (["nothing.md"], "no document is called"),
        ([NAME, "--json"], "--json asks no question"),
        ([NAME, "--allow-again"], "was not forgotten"),
    ],
)
def test_it_refuses_in_one_line(
    home: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["forget", *arguments, "--home", str(home)]) == 2
    assert said in capsys.readouterr().err


def test_it_says_what_would_go_then_forgets_and_does_not_take_it_back(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["forget", "2026-03-02-UTC-0900-vault-door.pdca.md", "--dry-run", "--json", "--home", str(home)]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == [NAME]
    assert run(["forget", NAME, "--dry-run", "--home", str(home)]) == 0
    assert "What would go" in capsys.readouterr().out
    assert run(["forget", NAME, "--yes", "--home", str(home)]) == 0
    assert "1 documents are forgotten" in capsys.readouterr().out
    files = [path for path in home.rglob("*") if path.is_file() and "journal" not in path.parts]
    assert not [path for path in files if b"zanzibarquux" in path.read_bytes() or NAME.encode() in path.read_bytes()]
    assert run(["forget", "--continue", "--home", str(home)]) == 0
    assert "no forgetting is open" in capsys.readouterr().out
    assert run(["forget", NAME, "--allow-again", "--home", str(home)]) == 0
