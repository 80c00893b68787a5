"""Every command of the page on tuning, on one home: its parts are read in order."""

from pathlib import Path

import pytest

from tests.flows.tuned import fill
from tests.runbooks.stage import play, raise_curtain, scenes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tuning.md"
SCENES = scenes(PAGE)


def test_the_commands_do_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [scene.title for scene in SCENES] == ["Trying", "Applying and taking back", "Sections of another length"]
    monkeypatch.setenv(
        "WEB4_RETRIEVAL__SIMILARITY", "0.1"
    )  # the scripted embedder is nearer to nothing than a real one
    stage = raise_curtain(tmp_path, monkeypatch)
    fill(stage.world)
    for scene in SCENES:
        play(stage, scene)
