"""The scripted trainer keeps the contract, and fails when told to."""

from pathlib import Path

import pytest

from tests.backends.trainers.contract import TrainerContract, job
from web4_agent.backends.trainers.scripted import ScriptedTrainer
from web4_agent.domain.errors import TrainingError


class TestScriptedTrainer(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> ScriptedTrainer:
        return ScriptedTrainer()


def test_it_fails_at_the_step_it_is_told_and_leaves_nothing_out(tmp_path: Path) -> None:
    heard: list[int] = []
    with pytest.raises(TrainingError, match="step 2"):
        ScriptedTrainer(fail_at_step=2).train(job(tmp_path, tmp_path), lambda each: heard.append(each.step))
    assert heard == [1]
    assert not (tmp_path / "out").exists()
