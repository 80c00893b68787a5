"""QLoRA end to end on a tiny model: bitsandbytes' NF4 also runs on the processor, if slowly."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.backends.trainers.contract import job
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.exporters.gguf_adapter import GgufExporter
from web4_agent.backends.trainers.peft_folder import read_parameters
from web4_agent.backends.trainers.peft_trainer import PeftTrainer
from web4_agent.domain.training import Compute

ROOT = Path(__file__).parents[3]
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed (the extra qlora)"
)


@needs_bitsandbytes
@pytest.mark.timeout(900)
def test_a_base_in_four_bits_learns_exports_and_scores(base: Path, tmp_path: Path) -> None:
    """In processes of their own, as ever: the library, once imported, stays."""
    plain = job(base, tmp_path / "night")
    asked = replace(plain, policy=replace(plain.policy, learning_rate=5e-3, epochs=3))
    trainer = PeftTrainer(1, Compute(device="cpu", base_bits=4))
    trained = trainer.train(asked, lambda _: None)
    assert trained.last_loss < trained.first_loss - 0.1
    assert "base in 4 bits (NF4)" in (asked.work / "trainer.log").read_text(encoding="utf-8")
    learned = read_parameters(trained.folder)
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in learned.values())
    GgufExporter().export(base, trained.folder, tmp_path / "adapter.gguf")
    assert (tmp_path / "adapter.gguf").stat().st_size > sum(array.nbytes for array in learned.values())
    (few,) = trainer.score(base, trained.folder, [ScoreRequest((), "The server was restarted.")])
    (full,) = PeftTrainer(1).score(base, trained.folder, [ScoreRequest((), "The server was restarted.")])
    assert few.mean != full.mean
    assert few.mean == pytest.approx(full.mean, abs=0.25)


@needs_bitsandbytes
@pytest.mark.timeout(900)
def test_layers_in_four_bits_give_what_transformers_and_peft_give(qwen_base: Path) -> None:
    command = [sys.executable, "-m", "tests.backends.trainers.four_bits_compared", str(qwen_base)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=840, check=False, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2_000:]
