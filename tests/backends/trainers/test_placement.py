"""What the settings ask for is found on this machine or refused by name, and a GPU is one setting away."""

import importlib.util
import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.backends.trainers.away_jobs import REQUESTS, trained
from tests.backends.trainers.contract import job
from web4_agent.backends.trainers import base_weights, peft_worker, training_loop
from web4_agent.backends.trainers.lora_model import load_for_training
from web4_agent.backends.trainers.peft_trainer import PeftTrainer
from web4_agent.backends.trainers.placement import GPU_PACK_TOKENS, ON_CPU, Placement, place
from web4_agent.backends.trainers.scoring import score
from web4_agent.backends.trainers.worker_protocol import ScoreJob, decode_compute, decode_job, encode_job
from web4_agent.domain.errors import ModelError, SettingsError, TrainingError
from web4_agent.domain.training import Compute, TrainPolicy

GPU = Placement(torch.device("cuda", 0), torch.bfloat16)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What torch says of two GPUs that compute in bfloat16."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _=None: (8, 6))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _=None: "Scripted GPU")
    return monkeypatch


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.timeout(900)
def test_all_on_the_device_gives_what_the_processor_gives(base: Path, tmp_path: Path) -> None:
    """Nothing is left behind on the processor, or read there unfetched: see `away_device`."""
    command = [sys.executable, "-m", "tests.backends.trainers.away_device", str(base), str(tmp_path / "away")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=840, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    here = trained(base, tmp_path / "here", ON_CPU)
    assert found["losses"] == pytest.approx([here.first_loss, here.last_loss, here.kl], rel=1e-4, abs=1e-5)
    assert 0.0 < found["taught"] < 20.0
    scores = score(ScoreJob(base, here.folder, REQUESTS))
    assert found["scores"] == pytest.approx([each.mean for each in scores], abs=1e-4)


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_auto_is_the_processor_in_float32() -> None:
    assert place(Compute()) == ON_CPU
    assert place(Compute()).plain
    assert not place(Compute(precision="bfloat16")).plain


@pytest.mark.usefixtures("two_gpus")
def test_with_a_gpu_auto_is_its_bfloat16_and_the_processor_is_still_to_be_had() -> None:
    found = place(Compute())
    assert (found, found.pack_tokens) == (GPU, GPU_PACK_TOKENS)
    assert str(found) == "cuda:0 (Scripted GPU), bfloat16"
    assert place(Compute(device="cuda:1")).device == torch.device("cuda", 1)
    assert place(Compute(precision="float32")).dtype is torch.float32
    assert place(Compute(device="cpu")) == ON_CPU


def test_an_older_gpu_is_left_in_float32(two_gpus: pytest.MonkeyPatch) -> None:
    two_gpus.setattr(torch.cuda, "get_device_capability", lambda _=None: (7, 5))
    assert place(Compute()).dtype is torch.float32
    with pytest.raises(SettingsError, match="Scripted GPU does not compute in"):
        place(Compute(precision="bfloat16"))


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_asked_for_and_absent_is_named_with_a_way_out(device: str) -> None:
    with pytest.raises(SettingsError, match=f"training.device = '{device}', but PyTorch .* sees no GPU") as caught:
        place(Compute(device=device))
    assert 'training.device = "cpu"' in caught.value.hint


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("compute", "said"),
    [
        (Compute(device="cuda:2"), "the last GPU here is cuda:1"),
        (Compute(device="tpu"), "training.device = 'tpu'"),
        (Compute(device="cuda:x"), "training.device = 'cuda:x'"),
        (Compute(precision="half"), "training.precision = 'half'"),
        (Compute(base_bits=8), "training.base_bits = 8 is neither 16 nor 4"),
    ],
)
def test_what_is_unknown_is_named(compute: Compute, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        place(compute)


def test_four_bits_without_their_library_name_the_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match="bitsandbytes") as caught:
        place(Compute(device="cpu", base_bits=4))
    assert "pip install 'web4-agent[qlora]'" in caught.value.hint


def test_a_setting_that_does_not_hold_here_comes_back_from_the_child_as_itself(base: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"training\.base_bits = 3"):
        PeftTrainer(1, Compute(base_bits=3)).train(job(base, tmp_path), lambda _: None)


def test_the_log_says_what_was_computed_on(caplog: pytest.LogCaptureFixture, base: Path) -> None:
    with caplog.at_level(logging.INFO, "web4_agent.trainer"):
        peft_worker._run(ScoreJob(base, None, ()), lambda _: None, ON_CPU)
    assert "trainer.placed on=cpu, float32" in caplog.text


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("bits", [16, 4])
def test_a_gpu_without_memory_names_the_settings_to_lower(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: int
) -> None:
    def fails(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(training_loop, "train", fails)
    with pytest.raises(TrainingError, match=r"Scripted GPU.*ran out of memory") as caught:
        peft_worker._run(job(base, tmp_path), lambda _: None, replace(GPU, base_bits=bits))
    assert "training.tokens_per_step or training.max_sample_tokens (now 200 and 128)" in caught.value.hint
    assert ("training.base_bits = 4" in caught.value.hint) is (bits == 16)


def test_no_memory_while_the_base_is_loaded_is_told_as_such(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM

    def fails(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fails)
    with pytest.raises(torch.OutOfMemoryError):
        base_weights.load_base(base, ON_CPU)


@pytest.mark.parametrize(("bits", "found"), [(16, "doctor --fix"), (4, "trainer.log")])
def test_no_memory_behind_an_error_of_the_libraries_is_told_as_such_where_it_can_be_seen(
    base: Path, monkeypatch: pytest.MonkeyPatch, bits: int, found: str
) -> None:
    from transformers import AutoModelForCausalLM

    def wraps(*_: object, **__: object) -> None:
        raise RuntimeError("a thread of the loader failed") from torch.OutOfMemoryError("CUDA out of memory.")

    def swallows(*_: object, **__: object) -> None:
        raise RuntimeError("some issues during automatic conversion of the weights")

    monkeypatch.setattr(base_weights, "quantisation", lambda _: None)
    where = Placement(torch.device("cpu"), torch.float32, bits)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", wraps)
    with pytest.raises(torch.OutOfMemoryError):
        base_weights.load_base(base, where)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", swallows)
    with pytest.raises(ModelError, match="issues during") as caught:
        base_weights.load_base(base, where)
    assert found in caught.value.hint


def test_a_model_that_only_the_reference_knows_is_not_trained_off_the_beaten_path(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(**shape, vocab_size=20, hidden_act="gelu")).save_pretrained(tmp_path)
    half = Placement(torch.device("cpu"), torch.bfloat16)
    with pytest.raises(ModelError, match=r"type llama.*is not trained on cpu, bfloat16") as caught:
        load_for_training(tmp_path, None, TrainPolicy(rank=2, alpha=4), half)
    assert "training.base_bits = 16" in caught.value.hint


def test_what_to_compute_on_goes_to_the_child_with_the_job(tmp_path: Path) -> None:
    asked, compute = job(tmp_path, tmp_path), Compute("cuda:1", "float32", 4)
    line = encode_job(asked, compute)
    assert (decode_job(line), decode_compute(line)) == (asked, compute)
    assert decode_compute(encode_job(asked)) == Compute()
