"""The weights of a real model after forgetting: those of a home that never had the document, bit for bit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.backends.trainers.conftest import _save
from tests.flows.fakes import DAY, POLICY, _Trainer
from tests.flows.pages import page, write
from tests.flows.test_forgetting import QuickWorld, later_day, lineage, parts
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.peft_folder import interpolate
from web4_agent.domain.runs import RunState
from web4_agent.domain.samples import SampleOrigin
from web4_agent.domain.training import TrainedAdapter, TrainProgress
from web4_agent.flows.forgetting import ForgetRequest, Replayed, forget
from web4_agent.flows.forgetting.parts import Versions
from web4_agent.flows.night import NightReport, NightRequest, again

NAME = "2026-03-02/2026-03-02-UTC-0905-vault-door.pdca.md"
HOT = replace(POLICY, rank=4, alpha=8, learning_rate=3e-3, tokens_per_step=600, max_sample_tokens=96, max_tokens=2500)


class Real(_Trainer):
    """Trains the tiny model in this process, as the worker does in its own; scores as the script says."""

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        from web4_agent.backends.trainers.training_loop import train

        job.work.mkdir(parents=True, exist_ok=True)
        return train(job, progress)

    def scale(self, trained: TrainedAdapter, weight: float, out: Path) -> None:
        interpolate(trained.start, trained.folder, weight, out)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield _save(tmp_path_factory.mktemp("models") / "tiny-llama", LlamaForCausalLM, LlamaConfig)
    torch.set_num_threads(before)


def night(world: QuickWorld, base: Path, day: date) -> NightReport:
    return world.night(day, trainer=Real(world), base=base, policy=HOT)


def lived(root: Path, base: Path, *, with_secret: bool) -> QuickWorld:
    """Three short nights; the secret is in the second and comes again by replay in the third."""
    root.mkdir()
    world = QuickWorld(root)
    days: Sequence[Sequence[str]] = (
        ["rope-store", "crane-check", "fog-horn"],
        ["tar-barrel", "light-ship", "pilot-boat"],
        ["anchor-chain", "ballast-plan", "gang-way"],
    )
    for at, names in enumerate(days):
        later_day(world, 2 + at, names)
        if at == 1 and with_secret:
            write(world.journal, "0905-vault-door", page("vault door procedure", "The word is zanzibarquux. " * 3))
        world.index()
        assert night(world, base, DAY + timedelta(days=at)).state is RunState.PROMOTED
    return world


@pytest.mark.slow  # eight real trainings, of a tiny model
def test_the_weights_are_those_of_a_lineage_that_never_had_the_document(base: Path, tmp_path: Path) -> None:
    world = lived(tmp_path / "had", base, with_secret=True)
    had = lineage(world)
    trained = (world.home.runs / f"night-{DAY + timedelta(days=2)}-1" / "samples.json").read_text()
    assert NAME in trained, "the third night replays it"
    assert SampleOrigin.REPLAY in trained

    def replay(day: date, versions: Versions) -> Replayed:
        report = again(world.parts(trainer=Real(world), base=base, policy=HOT), NightRequest(day, only=versions))
        return Replayed(report.run, report.state, report.serving, report.sentence)

    forget(parts(world, replay=replay), ForgetRequest((NAME,)))
    never = lived(tmp_path / "never", base, with_secret=False)
    assert lineage(world) == lineage(never)
    assert lineage(world)[:2] != had[:2]
    for version in lineage(never)[:-1]:
        ours, theirs = (one.home.adapter(version) / "adapter_model.safetensors" for one in (world, never))
        assert ours.read_bytes() == theirs.read_bytes()
