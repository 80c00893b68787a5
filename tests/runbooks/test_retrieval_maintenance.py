"""Every command of the runbook on retrieval, on a home whose retrieval is broken in the way its part says."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.flows.interactions import asked, source
from tests.flows.pages import DAY, page, write
from tests.runbooks.stage import Scene, Stage, play, raise_curtain, scenes
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.vectors.base import VectorEntry
from web4_agent.backends.vectors.chroma import ChromaStore
from web4_agent.bootstrap import Runtime
from web4_agent.domain.queries import Route
from web4_agent.flows.doctor import examine
from web4_agent.flows.referencing import ReferenceRequest, index_references
from web4_agent.records import chunks, collections, documents
from web4_agent.steps.projection import BUFFER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "retrieval_maintenance.md"
SCENES = {scene.title: scene for scene in scenes(PAGE)}
QUEUE = f"{DAY}/{DAY}-UTC-0900-queue-limit.pdca.md"
Breaker = Callable[[Stage, pytest.MonkeyPatch], None]


def log(stage: Stage, count: int, **changes: object) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    stage.log(asked(number, at_utc=now, route=Route.HISTORY, **changes) for number in range(count))


def as_it_should_be(stage: Stage, _: pytest.MonkeyPatch) -> None:
    shown = (source(QUEUE),)
    log(stage, 40, retrieval_ms=30.0, hot_hits=3, sources=shown, collections=(BUFFER,))


def unknown_document(stage: Stage, _: pytest.MonkeyPatch) -> None:
    write(stage.world.journal, "1500-lantern-colour", page("lantern colour", "Amber, so that pilots see it in fog."))


def two_missing(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.world.store.remove(BUFFER, sorted(set(stage.world.store.ids(BUFFER).values()))[:2])


def on_disk(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    """The vectors in a real store, filled by the doctor."""
    patched.setattr(Runtime, "open_store", lambda runtime: ChromaStore(runtime.home.vectors))
    examine(stage.runtime().doctor_parts(), fix=True)


def folder_gone(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    on_disk(stage, patched)
    shutil.rmtree(stage.world.home.vectors)


def damaged(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    on_disk(stage, patched)
    file = stage.world.home.vectors / "chroma.sqlite3"
    file.write_bytes(b"\x55" * 4096 + file.read_bytes()[4096:])


def other_numbers(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """Every vector is another one of the same length, as of another embedder."""
    store, database = stage.world.store, stage.world.database
    with database.read() as connection:
        rows = chunks.of_documents(connection, sorted(set(store.ids(BUFFER).values())))
    drawn = np.random.default_rng(1).normal(size=(len(rows), 64)).astype(np.float32)
    entries = [VectorEntry(one.id, one.document, one.text, {"kind": str(one.kind)}) for one in rows]
    store.upsert(BUFFER, entries, drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def other_length(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    on_disk(stage, patched)
    patched.setattr(Runtime, "embedder", lambda runtime: ScriptedEmbedder(dimension=32))
    stage.acts["the gateway is stopped"] = lambda: None  # none runs


def change_not_ended(stage: Stage, _: pytest.MonkeyPatch) -> None:
    with stage.world.database.begin() as connection:
        collections.begin_change(connection, BUFFER)


def slow(stage: Stage, _: pytest.MonkeyPatch) -> None:
    log(stage, 40, retrieval_ms=900.0, hot_misses=3, latency_ms=3_000.0, sources=(source(QUEUE),))
    stage.serve()


def strict(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """A threshold that nothing comes up to; nine in ten look-ups were in vain."""
    stage.choose({"retrieval.similarity": 0.99})
    now, shown = datetime.now(UTC) - timedelta(minutes=1), (source(QUEUE),)
    stage.log(
        asked(number, at_utc=now, route=Route.HISTORY, retrieval_ms=30.0, sources=() if number % 10 else shown)
        for number in range(40)
    )
    stage.acts["retrieval.similarity is set to 0.33"] = lambda: stage.choose({})


def cold(stage: Stage, _: pytest.MonkeyPatch) -> None:
    log(stage, 10, retrieval_ms=30.0, hot_hits=1, hot_misses=19, sources=(source(QUEUE),))


def handbook(stage: Stage, _: pytest.MonkeyPatch) -> None:
    folder = stage.world.root / "handbook"
    folder.mkdir()
    (folder / "release.md").write_text("# Release\n\n" + "We never release on a Friday, as nobody is there. " * 30)
    stage.words["HANDBOOK"] = str(folder)
    wanted = ReferenceRequest((("process_docs", folder),), dry_run=False, accept_gone=False)
    index_references(stage.runtime().reference_parts(), wanted)
    shorter = {"retrieval.section_tokens": 32}
    stage.acts["retrieval.section_tokens is set to 32"] = lambda: stage.choose(shorter)
    stage.acts["the folder is deleted"] = lambda: shutil.rmtree(folder)


def outdated(stage: Stage, _: pytest.MonkeyPatch) -> None:
    """An answer of the gateway that was shown the page on the queue."""
    gateway = stage.serve()
    answer = gateway.chat("What did we decide about the queue limit?")
    stage.words["RESPONSE_ID"] = answer.headers["x-web4-response-id"]
    gateway.logged(stage.words["RESPONSE_ID"])
    corrected = page("queue limit", "The limit is 128 since the pump on pier four was exchanged.")
    hidden = corrected.replace("**🎯", "**OK to retrieve:** no\n**🎯", 1)
    edit = stage.world.journal / QUEUE
    stage.acts["the document is corrected"] = lambda: edit.write_text(corrected, encoding="utf-8")
    stage.acts["the document's header says that it is not to be shown"] = lambda: _hide(stage, edit, hidden)


def _hide(stage: Stage, edit: Path, text: str) -> None:
    """The others go, so that the question has this one document or none."""
    edit.write_text(text, encoding="utf-8")
    for other in stage.world.journal.rglob("*.md"):
        if other != edit:
            other.unlink()


STATES: dict[str, Breaker] = {
    "A look at all of it": as_it_should_be,
    "A question finds nothing": as_it_should_be,
    "One document is not found": unknown_document,
    "Vectors are missing": two_missing,
    "A collection is gone": folder_gone,
    "Vectors are stale": other_numbers,
    "Vectors have another length": other_length,
    "The vector store is damaged": damaged,
    "A change was not ended": change_not_ended,
    "Look-ups are slow": slow,
    "Few look-ups find anything": strict,
    "The cache is hit rarely": cold,
    "Passages are cut as before": handbook,
    "A wrong document is shown": outdated,
    "Examples of the wrong assistant": as_it_should_be,
    "A folder was removed": handbook,
}


def test_every_part_of_the_page_has_a_state() -> None:
    assert set(SCENES) == set(STATES)


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = raise_curtain(tmp_path, monkeypatch)
    with stage.leaves:
        STATES[scene.title](stage, monkeypatch)
        play(stage, scene)
    with stage.world.database.read() as connection:
        assert documents.contradictions(connection) == []
