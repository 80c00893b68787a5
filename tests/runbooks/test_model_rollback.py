"""Every command of the rollback's runbook, on a home in the state that its part speaks of."""

from pathlib import Path

import pytest

from tests.runbooks.stage import Scene, Stage, damage, play, raise_curtain, scenes, two_nights
from web4_agent.domain.ids import AdapterVersion
from web4_agent.records import documents

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "model_rollback.md"
SCENES = {scene.title: scene for scene in scenes(PAGE)}


def as_it_should_be(stage: Stage) -> None:
    """Two nights were promoted: that is all."""


def older_is_damaged(stage: Stage) -> None:
    damage(stage, AdapterVersion(stage.words["OLDER"]))


def serving_is_stale(stage: Stage) -> None:
    stage.world.home.serving.write_text("{}")


STATES = {
    "Before you roll back": as_it_should_be,
    "Back to the version before": as_it_should_be,
    "To a certain version": as_it_should_be,
    "Back, and train the documents again": as_it_should_be,
    "Forward again": as_it_should_be,
    "All the way back": as_it_should_be,
    "A version is refused": older_is_damaged,
    "What serves does not follow": serving_is_stale,
}


def test_every_part_of_the_page_has_a_state() -> None:
    assert set(SCENES) == set(STATES)


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = raise_curtain(tmp_path, monkeypatch)
    two_nights(stage)
    STATES[scene.title](stage)
    play(stage, scene)
    with stage.world.database.read() as connection:
        assert documents.contradictions(connection) == []
