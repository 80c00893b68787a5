"""A real Chroma store that is damaged, held by another process, or without room: named, and made anew."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.backends.vectors.test_chroma import locked_by_another_process
from tests.faults.table import told
from tests.faults.worlds import check_learned, check_whole, world_in
from tests.flows.fakes import World
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.vectors.chroma import ChromaStore
from web4_agent.domain.errors import DiskFullError, VectorStoreError
from web4_agent.flows.doctor import examine
from web4_agent.steps.projection import BUFFER, rebuild

REAL_EMBED = ScriptedEmbedder.embed


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


def test_vectors_of_another_embedder_are_known_by_their_numbers_and_made_anew(
    chroma_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as there should be, under the right names: counting finds nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(ScriptedEmbedder, "embed", _other_words)
        rebuild(chroma_world.database, chroma_world.store, ScriptedEmbedder(), BUFFER)
    found = {one.check: one for one in examine(chroma_world.doctor_parts(), fix=False) if not one.healthy}
    assert found.keys() == {f"collection {BUFFER}"}
    assert "vectors of another embedder (64 numbers each, " in found[f"collection {BUFFER}"].detail
    mended = [one for one in examine(chroma_world.doctor_parts(), fix=True) if not one.healthy]
    assert [(one.check, one.fixed) for one in mended] == [(f"collection {BUFFER}", True)]
    assert all(one.healthy for one in examine(chroma_world.doctor_parts(), fix=False))
    chroma_world.night()
    check_learned(chroma_world)


def test_vectors_of_another_length_are_thrown_away_and_made_anew(chroma_world: World) -> None:
    parts = replace(chroma_world.doctor_parts(), embedder=lambda: ScriptedEmbedder(dimension=32))
    (wrong,) = [one for one in examine(parts, fix=False) if not one.healthy]
    assert wrong.detail == "vectors of another embedder (64 numbers each)"
    (mended,) = [one for one in examine(parts, fix=True) if not one.healthy]
    assert mended.fixed
    assert all(one.healthy for one in examine(parts, fix=False))
    ids = list(chroma_world.store.ids(BUFFER))
    assert {len(one) for one in chroma_world.store.vectors(BUFFER, ids).values()} == {32}


def _other_words(embedder: ScriptedEmbedder, texts: Sequence[str]) -> NDArray[np.float32]:
    return REAL_EMBED(embedder, [text[::-1] for text in texts])
