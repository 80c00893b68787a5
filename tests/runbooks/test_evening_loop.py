"""Every command of the evening loop's runbook, on a home that is broken in the way its part says."""

import errno
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import forgets
from tests.flows.pages import page, write
from tests.runbooks.stage import Scene, Stage, damage, play, raise_curtain, scenes, two_nights
from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import ScriptedEngine, ScriptedLauncher
from web4_agent.backends.trainers.scripted import ScriptedTrainer
from web4_agent.domain.errors import EngineError, TrainingError
from web4_agent.domain.ids import AdapterVersion
from web4_agent.records import documents, runs
from web4_agent.steps.projection import BUFFER
from web4_agent.storage import atomic
from web4_agent.storage.lock import exclusive

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "evening_loop_troubleshooting.md"
SCENES = {scene.title: scene for scene in scenes(PAGE)}
Breaker = Callable[[Stage, pytest.MonkeyPatch], None]


class Killed(BaseException):
    """Stands for the end of the process."""


def cut_off(stage: Stage, _: pytest.MonkeyPatch) -> None:
    def reached(point: str) -> None:
        if point == "train.done":
            raise Killed

    with pytest.raises(Killed):
        stage.world.night(datetime.now(UTC).date(), reached=reached)
    with stage.world.database.read() as connection:
        run = runs.open_run(connection, "night")
    assert run is not None
    stage.words["RUN"] = run.id


def rejected(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.world.effect = forgets
    stage.words["RUN"] = f"night-{datetime.now(UTC):%Y-%m-%d}-1"


def locked(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.leaves.enter_context(exclusive(stage.world.home.night_lock, doing="a drill"))
    stage.acts["the other run ends"] = stage.leaves.close


def full_disk(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    real = atomic._sync_tree

    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    patched.setattr(atomic, "_sync_tree", full)
    stage.acts["space is made on the disk"] = lambda: patched.setattr(atomic, "_sync_tree", real)


def no_engine(stage: Stage, _: pytest.MonkeyPatch) -> None:
    class Missing(ScriptedLauncher):
        def start(self, adapter: ServedAdapter) -> ScriptedEngine:
            raise EngineError(f"the engine for {adapter.version} did not come up", "look into logs/ of the home")

    stage.changes["launcher"] = Missing()
    stage.acts["the engine can start again"] = stage.mend


def no_memory(stage: Stage, _: pytest.MonkeyPatch) -> None:
    class OutOfMemory(ScriptedTrainer):
        def train(self, *_: object) -> object:  # type: ignore[override] # it never gets so far as to look
            raise TrainingError(
                "training ran out of memory", "set training.max_sample_tokens to a smaller number, then run again"
            )

    stage.changes["trainer"] = OutOfMemory()
    stage.acts["memory is freed"] = stage.mend


def wrong_clock(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.night()
    stage.changes["now"] = lambda: datetime.now(UTC) - timedelta(days=2)
    stage.acts["the clock is set right"] = stage.mend


def damaged(stage: Stage, _: pytest.MonkeyPatch) -> None:
    two_nights(stage)
    stage.words["VERSION"] = stage.words["OLDER"]
    damage(stage, AdapterVersion(stage.words["OLDER"]))


def nothing_new(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.night()


def too_little(stage: Stage, _: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    stage.changes["policy"] = replace(stage.world.policy, minimum_samples=10_000)


def vectors_gone(stage: Stage, _: pytest.MonkeyPatch) -> None:
    held = sorted(set(stage.world.store.ids(BUFFER).values()))
    stage.world.store.remove(BUFFER, held[:2])


def secret(stage: Stage, _: pytest.MonkeyPatch) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"  # looks like one, opens nothing
    write(stage.world.journal, "1200-key", page("the key", f"The token is {token} for the build."), "2026-03-02")
    clean = page("the key", "The token is in the vault and not in this journal. " * 3)
    stage.acts["the secret is taken out of the document"] = lambda: write(
        stage.world.journal, "1200-key", clean, "2026-03-02"
    )


BREAKERS: dict[str, Breaker] = {
    "A night was cut off": cut_off,
    "A night should be given up": cut_off,
    "The candidate was rejected": rejected,
    "Another run holds the lock": locked,
    "The disk is full": full_disk,
    "The engine does not start": no_engine,
    "Training runs out of memory": no_memory,
    "The clock is wrong": wrong_clock,
    "An adapter's file is damaged": damaged,
    "Nothing was trained": nothing_new,
    "Too little to train on": too_little,
    "Vectors and ledger differ": vectors_gone,
    "A document is quarantined": secret,
}


def test_every_part_of_the_page_has_a_broken_home() -> None:
    assert set(SCENES) == set(BREAKERS)


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = raise_curtain(tmp_path, monkeypatch)
    BREAKERS[scene.title](stage, monkeypatch)
    with stage.leaves:
        play(stage, scene)
    with stage.world.database.read() as connection:
        assert documents.contradictions(connection) == []
