"""Rollback and doctor over fakes: the pointer moves, documents follow their lineage, projections are mended."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import ARTEFACT, DAY, World
from tests.flows.pages import page, write
from tests.flows.test_night import states
from tests.kills.invariants import check_invariants
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import IntegrityError, ModelError, UsageError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.runs import RunState
from web4_agent.flows.doctor import examine
from web4_agent.flows.founding import serve_pointer
from web4_agent.flows.rollback import roll_back
from web4_agent.flows.standing import standing, versions
from web4_agent.records import adapters
from web4_agent.steps.projection import BUFFER, HISTORY


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A home after two promoted nights."""
    made = World(tmp_path).write_journal()
    made.index()
    assert made.night().state is RunState.PROMOTED
    for at in range(5):
        text = page(f"later matter {at}", f"Number {at} of a new day: " + " ".join(f"w{at}{n}" for n in range(30)))
        write(made.journal, f"09{at:02}-later", text, "2026-03-03")
    made.index()
    assert made.night(DAY + timedelta(days=1)).state is RunState.PROMOTED
    return made


def production(world: World) -> AdapterVersion:
    with world.database.begin() as connection:
        return adapters.read_pointer(connection).production


def test_rollback_serves_the_version_before_and_sets_its_nights_documents_apart(world: World) -> None:
    newest = production(world)
    done = roll_back(world.rollback_parts(), None)
    assert done.source == newest
    assert production(world) == done.target != newest
    assert done.quarantined == 5
    assert states(world) == {DocumentState.HISTORICAL: 6, DocumentState.QUARANTINED: 5}
    check_invariants(world)


def test_going_forward_again_makes_them_history_again(world: World) -> None:
    newest = production(world)
    roll_back(world.rollback_parts(), None)
    done = roll_back(world.rollback_parts(), newest)
    assert done.restored == 5
    assert states(world) == {DocumentState.HISTORICAL: 11}
    check_invariants(world)


def test_rollback_to_the_base_with_retrain_puts_everything_back_into_the_buffer(world: World) -> None:
    done = roll_back(world.rollback_parts(), BASE, retrain=True)
    assert done.buffered == 11
    assert states(world) == {DocumentState.BUFFERED: 11}
    assert world.store.ids(HISTORY) == {}
    assert len(set(world.store.ids(BUFFER).values())) == 11
    report = world.night(DAY + timedelta(days=2))
    assert (report.state, report.documents) == (RunState.PROMOTED, 11)
    check_invariants(world)


def test_no_version_that_never_passed_can_be_rolled_back_to(world: World) -> None:
    with pytest.raises(UsageError, match="no adapter is called a-nothing"):
        roll_back(world.rollback_parts(), AdapterVersion("a-nothing"))
    with pytest.raises(UsageError, match="serves already"):
        roll_back(world.rollback_parts(), production(world))
    roll_back(world.rollback_parts(), BASE)
    with pytest.raises(UsageError, match="has no version before it"):
        roll_back(world.rollback_parts(), None)


def test_a_version_whose_bytes_changed_is_refused_and_nothing_moves(world: World) -> None:
    newest = production(world)
    with world.database.begin() as connection:
        older = adapters.lineage(connection, newest)[1].version
    (world.home.adapter(older) / ARTEFACT).write_text("other bytes")
    with pytest.raises(IntegrityError, match="was judged"):
        roll_back(world.rollback_parts(), None)
    assert production(world) == newest
    shutil.rmtree(world.home.adapter(older))
    with pytest.raises(ModelError, match=older):
        roll_back(world.rollback_parts(), None)
    assert states(world) == {DocumentState.HISTORICAL: 11}


def test_what_serves_follows_the_ledger_at_every_start(world: World) -> None:
    world.home.serving.write_text("{}")
    serve_pointer(world.home, world.database, ARTEFACT)
    assert production(world) in world.home.serving.read_text()


def test_a_healthy_home_has_no_finding(world: World) -> None:
    assert [one for one in examine(world.doctor_parts(), fix=False) if not one.healthy] == []


def test_the_doctor_finds_and_mends_what_killed_runs_left(world: World) -> None:
    (world.home.adapters / ".tmp-a-0123").mkdir()
    (world.home.adapters / "a-unknown").mkdir()
    (finding,) = [one for one in examine(world.doctor_parts(), fix=False) if not one.healthy]
    assert finding.check == "leftovers"
    assert (world.home.adapters / "a-unknown").exists()
    examine(world.doctor_parts(), fix=True)
    assert not (world.home.adapters / "a-unknown").exists()
    assert all(one.healthy for one in examine(world.doctor_parts(), fix=False))


def test_the_doctor_rebuilds_a_collection_from_the_ledger(world: World) -> None:
    before = world.store.ids(HISTORY)
    some = next(iter(before.values()))
    world.store.remove(HISTORY, [some])
    wrong = [one for one in examine(world.doctor_parts(), fix=False) if not one.healthy]
    assert [one.check for one in wrong] == [f"collection {HISTORY}"]
    fixed = [one for one in examine(world.doctor_parts(), fix=True) if one.fixed]
    assert [one.check for one in fixed] == [f"collection {HISTORY}"]
    assert world.store.ids(HISTORY) == before


def test_the_doctor_takes_a_damaged_adapter_from_its_backup(world: World) -> None:
    for at in range(5):
        text = page(f"third matter {at}", f"Number {at} of the third day: " + " ".join(f"v{at}{n}" for n in range(30)))
        write(world.journal, f"09{at:02}-third", text, "2026-03-04")
    world.index()
    older = production(world)
    world.night(DAY + timedelta(days=2))  # backs up what serves before it
    (world.home.adapter(older) / ARTEFACT).write_text("other bytes")
    wrong = [one for one in examine(world.doctor_parts(), fix=False) if not one.healthy]
    assert [one.check for one in wrong] == [f"adapter {older}"]
    assert [one.fixed for one in examine(world.doctor_parts(), fix=True) if not one.healthy] == [True]
    assert all(one.healthy for one in examine(world.doctor_parts(), fix=False))


def test_a_damaged_adapter_without_a_backup_is_left_to_a_person(world: World) -> None:
    newest = production(world)
    (world.home.adapter(newest) / ARTEFACT).write_text("other bytes")
    wrong = [one for one in examine(world.doctor_parts(), fix=True) if not one.healthy and not one.fixed]
    assert f"adapter {newest}" in [one.check for one in wrong]
    assert "rollback" in wrong[0].hint


def test_the_standing_and_the_versions_tell_the_lineage(world: World) -> None:
    found = standing(world.database)
    assert found.documents == {DocumentState.HISTORICAL: 11}
    assert [run.state for run in found.nights] == [RunState.PROMOTED, RunState.PROMOTED]
    told = versions(world.database)
    assert told[0].adapter.version == BASE
    assert [len(one.adapter.documents) for one in told] == [0, 6, 5]
    assert [one.serves for one in told] == [False, False, True]
    assert all(one.verdict is not None for one in told[1:])
