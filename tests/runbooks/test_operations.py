"""Every command of the page on operations, on a home with two nights, a week's thumbs and a key."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.interactions import asked
from tests.runbooks.stage import Scene, Stage, play, scenes
from web4_agent.domain.queries import Feedback, Thumb
from web4_agent.flows.keys import give_key
from web4_agent.records import feedback

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
SCENES = {scene.title: scene for scene in scenes(PAGE)}


@pytest.fixture
def stage(after_two_nights: Stage, tmp_path: Path) -> Stage:
    now = datetime.now(UTC)
    row = asked(7, at_utc=now - timedelta(days=1), adapter=after_two_nights.words["VERSION"])
    after_two_nights.log([row])
    with after_two_nights.world.database.begin() as connection:
        feedback.put(connection, Feedback(row.response, "ada", now, Thumb.DOWN))
    give_key(after_two_nights.world.database, "anna", now)
    after_two_nights.words |= {"RESPONSE_ID": row.response, "ELSEWHERE": str(tmp_path / "elsewhere")}
    return after_two_nights


def test_the_page_has_a_week_a_month_and_a_quarter() -> None:
    assert set(SCENES) == {"Each week", "Each month", "Each quarter"}


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(scene: Scene, stage: Stage) -> None:
    with stage.leaves:
        play(stage, scene)
