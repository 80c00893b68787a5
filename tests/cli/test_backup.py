"""`backup` and `restore` as they are typed: over a home without models."""

import json
from pathlib import Path

import pytest

from web4_agent import settings
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.bootstrap import Runtime, utc_now
from web4_agent.cli.main import run
from web4_agent.domain import errors
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.flows.founding import FoundingParts, found, make_folders
from web4_agent.storage.database import Database, sqlite_url

SECRET = "sk-very-secret-0123456789"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = Home(tmp_path / "home")
    text = settings.as_toml({"engine.kind": "scripted", "engine.url": f"http://me:{SECRET}@example.org/v1"})
    make_folders(made, text.replace('api_key = ""', f'api_key = "{SECRET}"'))
    parts = FoundingParts(
        lambda: Database(sqlite_url(made.ledger)), lambda _: ContentHash("0" * 64), lambda _: None, utc_now
    )
    found(parts, lambda _: None)
    monkeypatch.setattr(Runtime, "embedder", lambda _: ScriptedEmbedder())
    monkeypatch.setenv("WEB4_HOME", str(made.root))
    return made.root


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


def test_a_backup_is_made_listed_checked_restored_and_pruned(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(told(capsys, "backup", "--json"))
    name = made["manifest"]["name"]
    assert made["path"] == str(home / "backups" / name)
    assert [one["manifest"]["name"] for one in json.loads(told(capsys, "backup", "--list", "--json"))] == [name]
    assert name in told(capsys, "backup", "--list")
    assert "is whole" in told(capsys, "backup", "--verify", name)
    assert "What would change" in told(capsys, "restore", name, "--dry-run")
    restored = told(capsys, "restore", name)
    assert "What changed" in restored
    undo = restored.split("undo with: web4-agent restore ")[1].split()[0]
    assert json.loads(told(capsys, "restore", undo, "--json"))["plan"]["backup"] == undo
    assert "stays" not in told(capsys, "backup", "--prune", "--dry-run")


def test_a_backup_elsewhere_as_one_file(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = told(capsys, "backup", "--to", str(tmp_path / "disk"), "--archive")
    (file,) = (tmp_path / "disk").iterdir()
    assert f"{file}: 0 documents, 0 adapters" in made
    assert "is whole" in told(capsys, "backup", "--verify", str(file))
    assert file.name in told(capsys, "backup", "--list", "--to", str(tmp_path / "disk"))


def test_no_secret_is_in_a_backup(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(json.loads(told(capsys, "backup", "--json"))["path"])
    assert SECRET in (home / "web4.toml").read_text()
    assert [file for file in path.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()] == []
    kept = (path / "web4.toml").read_text()
    assert 'url = "http://me:***@example.org/v1"' in kept
    assert settings.load(path, {}).engine.kind == "scripted"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["backup", "--list", "--prune"], errors.UsageError.exit_code, "exclude each other"),
        (["backup", "--dry-run"], errors.UsageError.exit_code, "--dry-run goes with --prune"),
        (["backup", "--verify", "nothing"], errors.UsageError.exit_code, "there is no backup nothing"),
        (["restore", "nothing"], errors.UsageError.exit_code, "there is no backup nothing"),
    ],
)
def test_what_can_not_be_done_is_said(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert run(arguments) == code
    assert said in capsys.readouterr().err


def test_a_home_whose_ledger_is_damaged_is_told_of_restore_and_mended_by_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = json.loads(told(capsys, "backup", "--json"))["manifest"]["name"]
    for path in home.glob("ledger.db*"):
        path.unlink()
    (home / "ledger.db").write_bytes(b"not a database " * 500)
    assert run(["status"]) == errors.DatabaseError.exit_code
    assert "web4-agent restore NAME" in capsys.readouterr().err
    assert name in told(capsys, "backup", "--list")
    assert "could not be read and lies in" in told(capsys, "restore", name)
    assert run(["adapters"]) == 0
