"""Every command of the rollback's runbook, on a home in the state that its part speaks of."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.interactions import asked
from tests.runbooks.stage import Scene, Stage, damage, play, scenes
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Flaw
from web4_agent.records import documents, interactions
from web4_agent.storage.lock import exclusive

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "model_rollback.md"
SCENES = {scene.title: scene for scene in scenes(PAGE)}


def as_it_should_be(stage: Stage) -> None:
    """Two nights were promoted: that is all."""


def older_is_damaged(stage: Stage) -> None:
    damage(stage, AdapterVersion(stage.words["OLDER"]))


def serving_is_stale(stage: Stage) -> None:
    stage.world.home.serving.write_text("{}")


def newer_loops(stage: Stage) -> None:
    """People asked the version before without trouble, and the new one answers half of them in circles."""
    now = datetime.now(UTC)
    good = [
        asked(number, at_utc=now - timedelta(days=1), adapter=stage.words["OLDER"], flaw=Flaw.NONE, tokens_out=50)
        for number in range(300)
    ]
    bad = [
        asked(
            1000 + number,
            at_utc=datetime.now(UTC),
            adapter=stage.words["VERSION"],
            flaw=Flaw.LOOPING if number % 2 else Flaw.NONE,
            tokens_out=50,
        )
        for number in range(100)
    ]
    with stage.world.database.begin() as connection:
        interactions.add(connection, [*good, *bad])


def night_runs(stage: Stage) -> None:
    stage.leaves.enter_context(exclusive(stage.world.home.night_lock, doing="a night"))
    stage.acts["the night is stopped"] = stage.leaves.close


def older_is_gone(stage: Stage) -> None:
    shutil.rmtree(stage.world.home.adapter(AdapterVersion(stage.words["OLDER"])))


STATES = {
    "Before you roll back": as_it_should_be,
    "Back to the version before": as_it_should_be,
    "To a certain version": as_it_should_be,
    "Back, and train the documents again": as_it_should_be,
    "Forward again": as_it_should_be,
    "All the way back": as_it_should_be,
    "A version is refused": older_is_damaged,
    "What serves does not follow": serving_is_stale,
    "It was rolled back by itself": newer_loops,
    "A night is running": night_runs,
    "A version's folder is gone": older_is_gone,
}


def test_every_part_of_the_page_has_a_state() -> None:
    assert set(SCENES) == set(STATES)


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(scene: Scene, after_two_nights: Stage) -> None:
    stage = after_two_nights
    with stage.leaves:
        STATES[scene.title](stage)
        play(stage, scene)
    with stage.world.database.read() as connection:
        assert documents.contradictions(connection) == []
