"""Training runs out of memory in each way that happens, its child dies otherwise, or a file of the run is lost."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.table import told
from tests.faults.worlds import check_learned, check_untouched
from tests.flows.fakes import World
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers import peft_trainer
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.peft_trainer import PeftTrainer
from web4_agent.backends.trainers.scripted import ScriptedTrainer
from web4_agent.domain.errors import IntegrityError, TrainingError
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import TrainedAdapter, TrainProgress
from web4_agent.flows.night import abandon

WORDS_OF_TORCH = (
    "err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8589934592 bytes. Error code 12",
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 139.00 GiB",
)


@dataclass(frozen=True)
class ChildTrainer(ScriptedTrainer):
    """Trains in the real trainer's child process, which is the one of `talking_memory`; the rest is scripted."""

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        return PeftTrainer(threads=1).train(job, progress)


@pytest.mark.parametrize(
    ("end", "row"),
    [("SIGKILL", "trainer killed by the system"), ("SIGSEGV", "trainer that crashes"), ("MemoryError", "no memory")],
)
def test_a_trainer_whose_child_dies_stops_the_night_and_the_next_call_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, end: str, row: str
) -> None:
    monkeypatch.setattr(peft_trainer, "WORKER_MODULE", "tests.faults.dying_trainer")
    monkeypatch.setenv("DIES_OF", end)
    with pytest.raises(TrainingError) as caught:
        world.night(trainer=ChildTrainer())
    told(row, caught.value)
    check_untouched(world)
    world.night()
    check_learned(world)


@pytest.mark.parametrize("words", WORDS_OF_TORCH)
@pytest.mark.parametrize("module", ["training_loop.train", "scoring.score"])
def test_what_torch_says_of_memory_is_told_as_such(module: str, words: str) -> None:
    """In a process of its own: the worker takes over standard input and output."""
    name, function = module.split(".")
    code = (
        "import sys, types\n"
        f"made = types.ModuleType('{name}')\n"
        "def fail(*_):\n"
        f"    raise RuntimeError({words!r})\n"
        f"made.{function} = fail\n"
        f"sys.modules['web4_agent.backends.trainers.{name}'] = made\n"
        "from web4_agent.backends.trainers import peft_worker\n"
        "peft_worker.prepare_torch = lambda: None\n"
        "sys.exit(peft_worker.main())\n"
    )
    ordered: dict[str, object] = {"kind": "score", "base": "base", "adapter": None, "requests": []}
    if function == "train":
        ordered = {
            "kind": "train",
            "base": "b",
            "start": None,
            "samples": [],
            "out": "o",
            "work": "w",
            "preferences": [],
        }
        ordered["policy"] = {"replay_nights": []}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(ordered) + "\n")
        worker.stdin.flush()
        error = json.loads(worker.stdout.readline())["error"]
        assert worker.wait() == TrainingError.exit_code
    told("no memory", TrainingError(error["message"], error["hint"]))


@pytest.mark.parametrize("name", ["samples.json", "scores/production.json"])
@pytest.mark.parametrize("damage", ["gone", "cut off"])
def test_a_file_of_the_open_night_that_is_lost_asks_for_a_new_night(world: World, name: str, damage: str) -> None:
    def lose(point: str) -> None:
        if point == "measure.committed":
            (file,) = world.home.runs.glob(f"*/{name}")
            file.unlink() if damage == "gone" else file.write_text(file.read_text(encoding="utf-8")[:100])

    with pytest.raises(IntegrityError) as caught:
        world.night(reached=lose)
    told(f"file of a night that is {damage}", caught.value)
    check_untouched(world)
    abandon(world.parts())
    world.night()
    check_learned(world)


def test_a_parity_check_without_memory_stops_the_night(world: World) -> None:
    class Starved(ScriptedTrainer):
        def score(self, base: Path, adapter: Path | None, requests: Sequence[ScoreRequest]) -> list[TextScore]:
            raise TrainingError("training ran out of memory", "close other programs")

    with pytest.raises(TrainingError):
        world.night(trainer=Starved())
    check_untouched(world)
    world.night()
    check_learned(world)
