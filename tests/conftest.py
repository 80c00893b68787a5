"""Fixtures that every test may ask for."""

import os
import shutil
from pathlib import Path

import pytest

from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.migrations import migrate

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach the network
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

JOURNAL = Path(__file__).resolve().parents[2] / "shared" / "journal"
DEMO_JOURNAL = Path(__file__).resolve().parents[1] / "src" / "web4_agent" / "data" / "demo_journal"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the real journal need it beside the checkout; it is never part of it."""
    if JOURNAL.is_dir():
        return
    for item in items:
        if item.get_closest_marker("journal"):
            item.add_marker(pytest.mark.skip(reason="the real journal is not beside this checkout (../shared/journal)"))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of the newest schema, to copy: migrating takes a hundred times as long."""
    path = tmp_path_factory.mktemp("migrated") / "ledger.db"
    made = Database(sqlite_url(path))
    migrate(made)
    made.close()
    return path


@pytest.fixture
def database(tmp_path: Path, migrated: Path) -> Database:
    """An empty ledger of the newest schema."""
    shutil.copy(migrated, tmp_path / "ledger.db")
    return Database(sqlite_url(tmp_path / "ledger.db"))


@pytest.fixture(scope="session")
def demo_journal() -> Path:
    return DEMO_JOURNAL
