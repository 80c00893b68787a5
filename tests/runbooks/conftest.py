"""A home with two promoted nights, played once and copied by the tests that begin with it."""

from pathlib import Path

import pytest

from tests.runbooks.stage import Stage, raise_again, raise_curtain, two_nights


@pytest.fixture(scope="package")
def two_nights_once(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    with pytest.MonkeyPatch.context() as patched:
        stage = raise_curtain(tmp_path_factory.mktemp("two-nights"), patched)
        two_nights(stage)
        stage.world.database.close()
    return stage


@pytest.fixture
def after_two_nights(two_nights_once: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """VERSION serves, OLDER did before."""
    return raise_again(two_nights_once, tmp_path, monkeypatch)
