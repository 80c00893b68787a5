import subprocess
import sys

import pytest

from tests.backends.embedders.contract import EmbedderContract
from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.embedders.scripted import ScriptedEmbedder


class TestScriptedEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return ScriptedEmbedder()


def test_another_process_gives_the_same_vector() -> None:
    code = (
        "from web4_agent.backends.embedders.scripted import ScriptedEmbedder\n"
        "print(ScriptedEmbedder().embed(['the tide is high']).tobytes().hex())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == ScriptedEmbedder().embed(["the tide is high"]).tobytes().hex()
