"""A real Chroma store that is damaged, held by another process, or without room: named, and made anew."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.vectors.test_chroma import locked_by_another_process
from tests.faults.table import told
from tests.faults.worlds import check_learned, check_whole, world_in
from tests.flows.fakes import World
from web4_agent.backends.vectors.chroma import ChromaStore
from web4_agent.domain.errors import DiskFullError, VectorStoreError
from web4_agent.flows.doctor import examine


@pytest.fixture
def chroma_world(tmp_path: Path, migrated: Path) -> Iterator[World]:
    store = ChromaStore(tmp_path / "world" / "home" / "vectors", timeout_s=0.3)
    made = world_in(tmp_path / "world", migrated, store=store)
    store.close()
    yield made
    store.close()
    made.database.close()


@pytest.fixture
def damaged(chroma_world: World) -> World:
    (chroma_world.home.vectors / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    return chroma_world


def test_a_damaged_store_stops_the_night_at_its_end_and_the_doctor_makes_it_anew(damaged: World) -> None:
    with pytest.raises(VectorStoreError) as caught:
        damaged.night()
    told("vector store that is damaged", caught.value)
    findings = examine(damaged.doctor_parts(), fix=False)
    assert {one.check for one in findings if not one.healthy} == {"vectors"}
    mended = examine(damaged.doctor_parts(), fix=True)
    assert all(one.healthy or one.fixed for one in mended)
    damaged.night()
    check_learned(damaged)
    assert all(one.healthy for one in examine(damaged.doctor_parts(), fix=False))


def test_a_damaged_store_stops_the_index_and_nothing_is_lost(damaged: World) -> None:
    for path in damaged.journal.rglob("*queue-limit*"):
        path.write_text(path.read_text(encoding="utf-8").replace("64", "128"), encoding="utf-8")
    with pytest.raises(VectorStoreError):
        damaged.index()
    examine(damaged.doctor_parts(), fix=True)
    assert damaged.index().unchanged == 6
    damaged.night()
    check_whole(damaged)


def test_a_file_where_the_folder_of_vectors_should_be_is_replaced(chroma_world: World) -> None:
    shutil.rmtree(chroma_world.home.vectors)
    chroma_world.home.vectors.write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(VectorStoreError) as caught:
        chroma_world.store.ids("daily_buffer")
    assert caught.value.damaged
    examine(chroma_world.doctor_parts(), fix=True)
    chroma_world.night()
    check_learned(chroma_world)


def test_a_store_that_another_process_holds_is_left_alone(chroma_world: World) -> None:
    with locked_by_another_process(chroma_world.home.vectors):
        with pytest.raises(VectorStoreError) as caught:
            chroma_world.night()
        told("vector store that another process holds", caught.value)
        found = [one for one in examine(chroma_world.doctor_parts(), fix=True) if one.check == "vectors"]
        assert [(one.healthy, one.fixed) for one in found] == [(False, None)], "what is locked is not thrown away"
    assert chroma_world.store.ids("daily_buffer")
    chroma_world.night()
    check_learned(chroma_world)


def test_a_store_without_room_is_a_full_disk(chroma_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise ValueError("error returned from database: (code: 13) database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(ChromaStore, "_write", full)
        with pytest.raises(DiskFullError) as caught:
            chroma_world.night()
    told("no room for the vectors", caught.value)
    chroma_world.night()
    check_learned(chroma_world)
