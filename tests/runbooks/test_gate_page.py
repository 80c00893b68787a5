"""Every command of the page on the gate, on a home over fakes."""

from pathlib import Path

import pytest

from tests.flows.test_calibrating import unsteady
from tests.runbooks.stage import Scene, play, raise_curtain, scenes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gate.md"
SCENES = {scene.title: scene for scene in scenes(PAGE)}


def test_the_page_shows_a_verdict_a_calibration_and_an_audit() -> None:
    assert set(SCENES) == {"What stands beside a verdict", "Calibrating", "The sealed audit set"}


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = raise_curtain(tmp_path, monkeypatch)
    stage.world.effect = unsteady
    play(stage, scene)
