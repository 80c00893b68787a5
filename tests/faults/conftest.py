"""Fixtures for tests that break something."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.worlds import world_in
from tests.flows.fakes import World
from web4_agent.pipeline import runner


@pytest.fixture(autouse=True)
def _no_memory_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at every process of the machine at each step, which is most of the time such a small night takes."""
    monkeypatch.setattr(runner._PeakMemory, "_look", lambda self: None)


@pytest.fixture
def world(tmp_path: Path, migrated: Path) -> Iterator[World]:
    made = world_in(tmp_path / "world", migrated)
    yield made
    made.database.close()
