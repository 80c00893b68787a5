"""`web4-agent probation`: the table, the JSON, the exit code, and `--act`."""

import json
from pathlib import Path

import pytest

from tests.flows.interactions import asked
from tests.gateway.running import make_runtime
from web4_agent.backends.engines.scripted import ScriptedLauncher
from web4_agent.backends.exporters.scripted import ScriptedExporter
from web4_agent.bootstrap import Runtime
from web4_agent.cli.main import run
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import Flaw, Interaction
from web4_agent.records import adapters, interactions
from web4_agent.storage.artifacts import hash_file

NEW = AdapterVersion("a-new")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose newest version answers nothing but loops."""
    runtime = make_runtime(tmp_path, {}, ScriptedLauncher())
    artefact = runtime.home.adapter(NEW) / ScriptedExporter().artefact_name
    artefact.parent.mkdir(parents=True)
    artefact.write_text("bytes")
    digest = hash_file(artefact)
    with runtime.database.begin() as connection:
        made = Adapter(NEW, BASE, AdapterState.PROMOTED, digest, digest, None, 1.0, runtime.now())
        adapters.add(connection, made)
        adapters.move_pointer(connection, NEW, "promoted by night-2026-03-02-1", runtime.now())
    answered(runtime, 20)
    runtime.close()
    return runtime.home.root


def answered(runtime: Runtime, count: int) -> None:
    rows: list[Interaction] = [
        asked(number, at_utc=runtime.now(), adapter=NEW, flaw=Flaw.LOOPING) for number in range(count)
    ]
    with runtime.database.begin() as connection:
        interactions.add(connection, rows)


def test_the_table_names_the_sign_and_the_way_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probation", "--home", str(home)]) == 1
    told = capsys.readouterr().out
    assert "a-new: alarmed" in told
    assert "looping" in told
    assert "20 of 20" in told
    assert "web4-agent rollback" in told


def test_json_holds_the_findings(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probation", "--home", str(home), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["production"] == NEW
    assert [one["sign"] for one in found["findings"] if one["alarm"]] == ["looping"]
    assert found["past"] == []


def test_acting_lets_the_version_before_serve(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.flows.fakes import KeptStore

    store = KeptStore()
    monkeypatch.setattr(Runtime, "open_store", lambda _: store)
    assert run(["probation", "--home", str(home), "--act"]) == 1
    assert run(["probation", "--home", str(home)]) == 0
    told = capsys.readouterr().out
    assert "base is not on probation" in told
    assert "rolled back" in told
