"""The trainer in its child process keeps the contract, and its deaths are told apart."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.backends.trainers.contract import TrainerContract, job
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers import peft_trainer
from web4_agent.backends.trainers.peft_trainer import PeftTrainer
from web4_agent.backends.trainers.worker_protocol import encode_job
from web4_agent.domain.errors import ModelError, TrainingError
from web4_agent.domain.speech import Message
from web4_agent.domain.training import TrainProgress


class TestPeftTrainer(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> PeftTrainer:
        return PeftTrainer(threads=1)

    def test_killed_at_mid_training_it_continues_to_the_same_bytes(
        self, trainer: PeftTrainer, base: Path, trained: object, tmp_path: Path
    ) -> None:
        with pytest.raises(TrainingError, match="killed"):
            trainer.train(job(base, tmp_path), _kill_child_at(3))
        continued = trainer.train(job(base, tmp_path), lambda _: None)
        assert continued.resumed_at_step == 2
        whole = Path(getattr(trained, "folder"))  # noqa: B009 - the fixture's type is the contract's
        weights = "adapter_model.safetensors"
        assert (continued.folder / weights).read_bytes() == (whole / weights).read_bytes()

    def test_scores_are_those_of_transformers(self, trainer: PeftTrainer, base: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(str(base))
        asked = "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
        prompt, answer = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (asked, "The cache."))
        model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
        with torch.no_grad():
            logp = torch.log_softmax(model(torch.tensor([prompt + answer])).logits[0], -1)
        expected = [float(logp[len(prompt) - 1 + place, token]) for place, token in enumerate(answer)]
        (score,) = trainer.score(base, None, [ScoreRequest((Message("user", "Why?"),), "The cache.")])
        assert [token.token for token in score.tokens] == answer
        assert [token.logprob for token in score.tokens] == pytest.approx(expected, abs=1e-5)


def _kill_child_at(step: int) -> "_Killer":
    return _Killer(step)


class _Killer:
    def __init__(self, step: int) -> None:
        self._step = step

    def __call__(self, progress: TrainProgress) -> None:
        if progress.step == self._step:
            for child in _workers(psutil.Process()):
                child.send_signal(signal.SIGKILL)


def _workers(parent: psutil.Process) -> Iterator[psutil.Process]:
    for child in parent.children():
        if peft_trainer.WORKER_MODULE in child.cmdline():
            yield child


def test_a_worker_that_dies_is_reported_with_the_end_of_its_log(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peft_trainer, "WORKER_MODULE", "web4_agent.no_such_module")
    with pytest.raises(TrainingError, match="exit code 1") as raised:
        PeftTrainer(threads=1).train(job(base, tmp_path), lambda _: None)
    assert "no_such_module" in raised.value.hint


def test_a_progress_listener_that_fails_leaves_no_child_behind(base: Path, tmp_path: Path) -> None:
    def fails(_: TrainProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PeftTrainer(threads=1).train(job(base, tmp_path), fails)
    assert list(_workers(psutil.Process())) == []


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
    began = time.monotonic()
    assert waiting.wait(timeout=30) == 75
    assert time.monotonic() - began < 30
    assert not (tmp_path / "out").exists()


def test_a_base_without_a_tokenizer_can_not_count(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tokenizer"):
        PeftTrainer(threads=1).token_counts(tmp_path, ["x"])
