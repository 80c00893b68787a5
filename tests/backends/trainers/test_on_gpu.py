"""On a real GPU: the figures of the processor, the same bytes each time, and an end that is told when memory is short.

Skipped where PyTorch sees none. Nights run through `PeftTrainer`, in its child process, as they do at night.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.backends.trainers.away_jobs import REQUESTS
from tests.backends.trainers.contract import TrainerContract, job
from tests.backends.trainers.sentences import night, preferences
from web4_agent.backends.trainers import packed_attention, peft_worker
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.packed_attention import Row, attend, attend_each, varlen_kernel
from web4_agent.backends.trainers.peft_trainer import LOG_NAME, PeftTrainer
from web4_agent.backends.trainers.placement import place
from web4_agent.backends.trainers.worker_protocol import ScoreJob
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.training import Compute, TrainedAdapter, TrainProgress

if not torch.cuda.is_available():
    pytest.skip("PyTorch sees no GPU here", allow_module_level=True)
pytestmark = pytest.mark.timeout(600)
CPU, EXACT, HALF = (
    Compute("cpu", "float32"),
    Compute("cuda", "float32"),
    Compute("cuda", "bfloat16"),
)
SHAPES = [(4, 2, 16), (9, 3, 64), (28, 4, 128)]
"""Heads, heads of keys and values, width: the tiny model's, the default model's, those of a 7 B one."""
WEIGHTS = "adapter_model.safetensors"


class TestContract(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> PeftTrainer:
        return PeftTrainer(1, HALF)


@pytest.fixture
def make(base: Path, tmp_path: Path) -> Callable[..., TrainJob]:
    def made(name: str, **policy: float) -> TrainJob:
        plain = job(base, tmp_path / name, samples=night()[::2])
        return replace(plain, policy=replace(plain.policy, **policy))  # type: ignore[arg-type] # fields by name

    return made


@pytest.fixture
def _nothing_proved_before() -> Iterator[None]:
    packed_attention._proved_kernel.cache_clear()
    yield
    packed_attention._proved_kernel.cache_clear()


def _weights(trained: TrainedAdapter) -> bytes:
    return (trained.folder / WEIGHTS).read_bytes()


def _ignore(_: TrainProgress) -> None:
    return


@pytest.mark.usefixtures("_nothing_proved_before")
@pytest.mark.parametrize(("heads", "groups", "width"), SHAPES)
def test_one_kernel_for_all_samples_is_there_proves_itself_and_is_used(heads: int, groups: int, width: int) -> None:
    draw = torch.Generator("cuda").manual_seed(4)
    rows = [Row(length) for length in (33, 1, 250, 90)]
    query, key, value = (
        torch.randn(374, count, width, generator=draw, device="cuda") for count in (heads, groups, groups)
    )
    half = (query.bfloat16(), key.bfloat16(), value.bfloat16())
    assert varlen_kernel(half[0], half[1]) is not None
    wanted = attend_each(query, key, value, rows)
    found = attend(*half, rows).float()
    assert float((found - wanted).norm() / wanted.norm()) < 0.01


@pytest.mark.parametrize(("compute", "near", "scores"), [(EXACT, 1e-3, 1e-3), (HALF, 0.02, 0.02)])
def test_a_night_on_it_has_the_losses_and_scores_of_the_processor(
    make: Callable[..., TrainJob], compute: Compute, near: float, scores: float
) -> None:
    """Without dropout, whose masks each kind of device draws for itself."""
    asked = {"dropout": 0.0, "learning_rate": 5e-3, "epochs": 2}
    here, there = (PeftTrainer(1, where).train(make(where.device, **asked), _ignore) for where in (CPU, compute))
    assert there.last_loss < there.first_loss - 0.05
    found, wanted = ((each.first_loss, each.last_loss, each.kl) for each in (there, here))
    assert found == pytest.approx(wanted, rel=near, abs=2e-3)
    base = make("none").base
    means = [
        [each.mean for each in PeftTrainer(1, where).score(base, here.folder, REQUESTS)] for where in (CPU, compute)
    ]
    assert means[1] == pytest.approx(means[0], abs=scores)
    assert "trainer.placed on=cuda:0" in (make("cuda").work / LOG_NAME).read_text(encoding="utf-8")


@pytest.mark.parametrize("compute", [EXACT, HALF])
def test_a_night_stopped_on_it_ends_in_the_bytes_of_one_that_was_not(
    make: Callable[..., TrainJob], compute: Compute
) -> None:
    """Long enough that the child, which goes on while it is told to stop, can't have come to the end."""

    class Stopped(Exception):
        pass

    def stop(progress: TrainProgress) -> None:
        if progress.step == 4:
            raise Stopped

    trainer = PeftTrainer(1, compute)
    whole = trainer.train(make("whole", epochs=60), _ignore)
    with pytest.raises(Stopped):
        trainer.train(make("stopped", epochs=60), stop)
    continued = trainer.train(make("stopped", epochs=60), _ignore)
    assert 0 < continued.resumed_at_step < whole.steps
    assert _weights(continued) == _weights(whole)
    assert _weights(trainer.train(make("again", epochs=60), _ignore)) == _weights(whole)


def test_preferences_are_taught_on_it_as_on_the_processor(make: Callable[..., TrainJob]) -> None:
    start = PeftTrainer(1, CPU).train(make("start"), _ignore).folder
    heard: dict[str, list[TrainProgress]] = {}
    for compute in (CPU, EXACT):
        asked = replace(make(compute.device, dropout=0.0), start=start, preferences=preferences())
        PeftTrainer(1, compute).train(asked, heard.setdefault(compute.device, []).append)
    assert [each.loss for each in heard["cuda"]] == pytest.approx([each.loss for each in heard["cpu"]], rel=1e-3)


def test_a_base_in_four_bits_learns_on_it(make: Callable[..., TrainJob]) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (the extra qlora)")
    found, whole = (
        PeftTrainer(1, replace(HALF, base_bits=bits)).train(make(str(bits), learning_rate=5e-3, epochs=3), _ignore)
        for bits in (4, 16)
    )
    assert found.last_loss < found.first_loss - 0.1
    assert found.last_loss == pytest.approx(whole.last_loss, abs=0.25)
    assert "base in 4 bits (NF4)" in (make("4").work / LOG_NAME).read_text(encoding="utf-8")


def test_a_gpu_without_memory_names_the_settings_to_lower(base: Path) -> None:
    torch.cuda.init()  # type: ignore[no-untyped-call] # torch's own
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        with pytest.raises(TrainingError, match=r"cuda:0 .*: the GPU ran out of memory") as caught:
            peft_worker._run(ScoreJob(base, None, REQUESTS), lambda _: None, place(HALF))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "training.tokens_per_step" in caught.value.hint
