"""The trainer in its child process keeps the contract, and its deaths are told apart."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.trainers.contract import TrainerContract, job
from tests.backends.trainers.sentences import sample
from tests.backends.trainers.worker_process import kill_worker_at, workers
from web4_agent.backends.trainers import peft_trainer
from web4_agent.backends.trainers.base import Trainer, TrainJob
from web4_agent.backends.trainers.peft_trainer import PeftTrainer
from web4_agent.backends.trainers.worker_protocol import encode_job
from web4_agent.domain.errors import DiskFullError, ModelError, TrainingError
from web4_agent.domain.ids import SampleId
from web4_agent.domain.training import TrainedAdapter, TrainProgress

WEIGHTS = "adapter_model.safetensors"


class TestPeftTrainer(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> PeftTrainer:
        return PeftTrainer(threads=1)

    def test_training_the_same_job_again_gives_the_same_bytes(
        self, trainer: Trainer, base: Path, trained: TrainedAdapter, tmp_path: Path
    ) -> None:
        """Harder than the contract asks: the second time, the child is killed on the way."""
        with pytest.raises(TrainingError, match="killed"):
            trainer.train(job(base, tmp_path), kill_worker_at(3))
        continued = trainer.train(job(base, tmp_path), lambda _: None)
        assert continued.resumed_at_step == 2
        assert (continued.folder / WEIGHTS).read_bytes() == (trained.folder / WEIGHTS).read_bytes()
        assert (continued.start / WEIGHTS).read_bytes() == (trained.start / WEIGHTS).read_bytes()


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], TrainJob]:
    """A job for the talking worker, which plays the script of that name."""
    monkeypatch.setattr(peft_trainer, "WORKER_MODULE", "tests.backends.trainers.talking_worker")

    def made(script: str) -> TrainJob:
        return job(tmp_path, tmp_path, samples=(replace(sample(0), id=SampleId(script)),))

    return made


def _ignore(_: TrainProgress) -> None:
    return


def test_a_killed_worker_is_blamed_on_memory(scripted: Callable[[str], TrainJob]) -> None:
    with pytest.raises(TrainingError, match="memory") as raised:
        PeftTrainer(threads=1).train(scripted("killed"), _ignore)
    assert "it continues" in raised.value.hint


def test_a_crashed_worker_is_reported_with_its_signal_and_its_log(scripted: Callable[[str], TrainJob]) -> None:
    with pytest.raises(TrainingError, match="SIGSEGV") as raised:
        PeftTrainer(threads=1).train(scripted("crashed"), _ignore)
    assert "script: crashed" in raised.value.hint


@pytest.mark.parametrize(("script", "message"), [("nonsense", "nonsense"), ("silent", "without a result")])
def test_a_worker_that_talks_wrong_is_a_training_error(
    scripted: Callable[[str], TrainJob], script: str, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        PeftTrainer(threads=1).train(scripted(script), _ignore)


def test_an_error_that_the_worker_names_arrives_as_that_error(scripted: Callable[[str], TrainJob]) -> None:
    with pytest.raises(DiskFullError, match="no space left") as raised:
        PeftTrainer(threads=1).train(scripted("refused"), _ignore)
    assert raised.value.hint == "free some"


def test_a_worker_that_can_not_start_is_reported_with_the_end_of_its_log(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peft_trainer, "WORKER_MODULE", "web4_agent.no_such_module")
    with pytest.raises(TrainingError, match="exit code 1") as raised:
        PeftTrainer(threads=1).train(job(base, tmp_path), _ignore)
    assert "no_such_module" in raised.value.hint


def test_a_listener_that_fails_leaves_no_child_behind(scripted: Callable[[str], TrainJob]) -> None:
    def fails(_: TrainProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PeftTrainer(threads=1).train(scripted("endless"), fails)
    assert workers() == []


def test_the_worker_ends_when_its_parent_is_gone(base: Path, tmp_path: Path) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", peft_trainer.WORKER_MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert waiting.stdin is not None
    with waiting.stdin:
        waiting.stdin.write(encode_job(job(base, tmp_path)) + "\n")
    assert waiting.wait(timeout=60) == 75
    assert not (tmp_path / "out").exists()


def test_a_base_without_a_tokenizer_can_not_count(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tokenizer"):
        PeftTrainer(threads=1).token_counts(tmp_path, ["x"])
