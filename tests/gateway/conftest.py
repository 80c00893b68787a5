"""One gateway for the tests that only ask it things."""

from collections.abc import Iterator

import pytest

from tests.gateway.running import Running, running
from web4_agent.backends.engines.scripted import Script

ANSWERS = {"Where is the gate?": "Between the night and the people."}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("gateway"), Script(answers=ANSWERS)) as one:
        yield one
