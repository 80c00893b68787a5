"""Nights that train a real model, of two layers, in this process: for tests and benchmarks of what weights know."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from tests.backends.trainers.conftest import _save
from tests.flows.fakes import DAY, _Trainer
from tests.flows.test_forgetting import QuickWorld, parts
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.peft_folder import interpolate
from web4_agent.domain.runs import RunState
from web4_agent.domain.training import TrainedAdapter, TrainPolicy, TrainProgress
from web4_agent.flows.forgetting import ForgetRequest, Forgotten, Replayed, forget
from web4_agent.flows.forgetting.parts import Versions
from web4_agent.flows.night import NightRequest, again


class Real(_Trainer):
    """Trains as the trainer's worker does in a process of its own; scores as the script says."""

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        from web4_agent.backends.trainers.training_loop import train

        job.work.mkdir(parents=True, exist_ok=True)
        return train(job, progress)

    def scale(self, trained: TrainedAdapter, weight: float, out: Path) -> None:
        interpolate(trained.start, trained.folder, weight, out)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The base model's folder, and how a night trains it."""

    base: Path
    policy: TrainPolicy

    def night(self, world: QuickWorld, at: int) -> None:
        """Night number `at`, from 0; it must be promoted."""
        day = DAY + timedelta(days=at)
        report = world.night(day, trainer=Real(world), base=self.base, policy=self.policy)
        assert report.state is RunState.PROMOTED, report.sentence

    def forget(self, world: QuickWorld, *documents: str) -> Forgotten:
        """Forget, and replay the nights with this recipe."""

        def replay(day: date, versions: Versions) -> Replayed:
            made = world.parts(trainer=Real(world), base=self.base, policy=self.policy)
            report = again(made, NightRequest(day, only=versions))
            return Replayed(report.run, report.state, report.serving, report.sentence)

        return forget(parts(world, replay=replay), ForgetRequest(documents))


@contextmanager
def tiny_llama(folder: Path) -> Iterator[Path]:
    """A llama with random weights, and one thread to train it on: equal bits are promised at equal threads."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield _save(folder / "tiny-llama", LlamaForCausalLM, LlamaConfig)
    finally:
        torch.set_num_threads(before)
