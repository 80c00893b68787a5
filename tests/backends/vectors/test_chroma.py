import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.backends.vectors.contract import COLLECTION, DIMENSION, VectorStoreContract, entry, rows, toward
from web4_agent.backends.vectors import chroma
from web4_agent.backends.vectors.base import Metadata, VectorStore
from web4_agent.backends.vectors.chroma import ChromaStore
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.errors import VectorStoreError
from web4_agent.domain.ids import ChunkId, DocumentId

ADD_FROM_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from tests.backends.vectors.contract import COLLECTION, entry, rows, toward
from web4_agent.backends.vectors.chroma import ChromaStore
store = ChromaStore(Path(sys.argv[1]))
store.upsert(COLLECTION, [entry("theirs", "their.md")], rows(toward(0, 1)))
store.close()
"""
HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.fixture
def chroma_store(folder: Path) -> Iterator[ChromaStore]:
    store = ChromaStore(folder)
    yield store
    store.close()


@contextmanager
def locked_by_another_process(folder: Path) -> Iterator[None]:
    arguments = [sys.executable, "-c", HOLD_THE_LOCK, str(folder / "chroma.sqlite3")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate()


class TestChromaStore(VectorStoreContract):
    @pytest.fixture
    def store(self, chroma_store: ChromaStore) -> VectorStore:
        return chroma_store


def test_what_another_process_adds_is_found_after_reopening(chroma_store: ChromaStore, folder: Path) -> None:
    chroma_store.upsert(COLLECTION, [entry("ours")], rows(toward(1)))
    assert [match.entry.id for match in chroma_store.query(COLLECTION, toward(0, 1), 5)] == ["ours"]
    subprocess.run([sys.executable, "-c", ADD_FROM_ANOTHER_PROCESS, str(folder)], check=True, timeout=60)
    chroma_store.reopen()
    assert [match.entry.id for match in chroma_store.query(COLLECTION, toward(0, 1), 5)] == ["theirs", "ours"]


def test_nothing_is_opened_before_it_is_asked_for(folder: Path) -> None:
    ChromaStore(folder).close()
    assert not folder.exists()


def test_a_large_collection_is_filtered_as_exactly_as_a_small_one(
    chroma_store: ChromaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.random.default_rng(3).standard_normal((300, DIMENSION)).astype(np.float32)
    entries = [entry(f"c{n}", kind="often" if n % 2 else "seldom", nth=n % 100) for n in range(300)]
    exact = MemoryStore()
    for store in (chroma_store, exact):
        store.upsert(COLLECTION, entries, vectors)
    monkeypatch.setattr(chroma, "SMALL", 10)
    wheres: tuple[Metadata, ...] = (
        {"kind": "often"},
        {"nth": 7},
        {"kind": "often", "nth": 7},
        {"nth": 8, "kind": "often"},
    )
    for where in wheres:
        found = [match.entry.id for match in chroma_store.query(COLLECTION, vectors[0], 5, where)]
        assert found == [match.entry.id for match in exact.query(COLLECTION, vectors[0], 5, where)]


def test_several_threads_may_ask_write_and_reopen_at_once(chroma_store: ChromaStore) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                chroma_store.upsert(COLLECTION, [entry(f"{number}.{turn}")], rows(toward(number + 1, turn + 1)))
                assert chroma_store.query(COLLECTION, toward(1), 1)
                chroma_store.reopen()
        except (VectorStoreError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(chroma_store.ids(COLLECTION)) == 20


def test_a_store_that_another_process_has_locked_says_so_in_time(folder: Path) -> None:
    store = ChromaStore(folder, timeout_s=0.3)
    store.upsert(COLLECTION, [entry("a")], rows(toward(1)))
    store.close()
    with locked_by_another_process(folder), pytest.raises(VectorStoreError, match="is locked") as error:
        store.query(COLLECTION, toward(1), 1)
    assert "end the process that holds it" in error.value.hint
    assert store.query(COLLECTION, toward(1), 1)[0].entry.document == DocumentId("day/a.pdca.md")
    store.close()


def test_a_damaged_database_names_the_repair(folder: Path) -> None:
    folder.mkdir()
    (folder / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    store = ChromaStore(folder)
    with pytest.raises(VectorStoreError) as error:
        store.ids(COLLECTION)
    assert str(folder) in error.value.message
    assert error.value.hint == "web4-agent doctor --fix"
    (folder / "chroma.sqlite3").unlink()
    assert store.ids(COLLECTION) == {}, "the same store works once the damage is gone"
    store.close()


def test_a_file_where_the_folder_should_be_names_the_repair(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(VectorStoreError, match="is a file"):
        ChromaStore(folder).ids(COLLECTION)


@pytest.mark.parametrize("damage", ["removed", "overwritten"])
def test_an_index_that_is_lost_or_damaged_is_no_smaller_answer_but_an_error(folder: Path, damage: str) -> None:
    store = ChromaStore(folder)
    vectors = np.random.default_rng(4).standard_normal((1500, DIMENSION)).astype(np.float32)
    store.upsert(COLLECTION, [entry(f"c{n}") for n in range(1500)], vectors)
    store.close()
    (index,) = folder.glob("*/header.bin")
    for file in index.parent.iterdir():
        file.unlink() if damage == "removed" else file.write_bytes(b"xx")
    if damage == "removed":
        index.parent.rmdir()
    with pytest.raises(VectorStoreError) as error:
        store.query(COLLECTION, vectors[0], 1200)
    assert error.value.hint == "web4-agent doctor --fix"
    store.close()


def test_a_collection_with_another_distance_is_not_taken_for_cosine(folder: Path) -> None:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    client.get_or_create_collection(COLLECTION, embedding_function=None)
    client.close()
    store = ChromaStore(folder)
    with pytest.raises(VectorStoreError, match="its distance is l2"):
        store.query(COLLECTION, toward(1), 1, among=[ChunkId("a")])
    store.close()
