"""The default model, prepared once a session for the tests that need it."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def prepared_default(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the default model is to be prepared; whoever comes first does it."""
    return tmp_path_factory.mktemp("default") / "base"
