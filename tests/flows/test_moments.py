"""What a trainer leaves for the next night goes with the adapter: through scaling, publishing and promotion."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.flows.fakes import DAY, World
from tests.flows.pages import page, write
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import Trainer, TrainJob
from web4_agent.backends.trainers.peft_folder import MOMENTS_NAME
from web4_agent.domain.runs import RunState
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import TrainedAdapter, TrainProgress
from web4_agent.records import adapters
from web4_agent.steps.promote import MOMENTS


@dataclass(frozen=True)
class Remembering:
    """A trainer that leaves moments, and notes those that each night was given to start from."""

    inner: Trainer
    found: list[bytes | None] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.inner.name

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        given = None if job.start is None else job.start / MOMENTS_NAME
        self.found.append(given.read_bytes() if given is not None and given.is_file() else None)
        trained = self.inner.train(job, progress)
        (trained.folder / MOMENTS_NAME).write_bytes(f"night {len(self.found)}".encode())
        return trained

    def scale(self, trained: TrainedAdapter, weight: float, out: Path) -> None:
        self.inner.scale(trained, weight, out)

    def score(self, base: Path, adapter: Path | None, requests: Sequence[ScoreRequest]) -> list[TextScore]:
        return self.inner.score(base, adapter, requests)

    def token_counts(self, base: Path, texts: Sequence[str]) -> list[int]:
        return self.inner.token_counts(base, texts)


def test_a_night_is_given_what_the_trainer_left_in_the_night_before(tmp_path: Path) -> None:
    world = World(tmp_path).write_journal()
    trainer = Remembering(world.parts().trainer)
    world.index()
    assert world.night(trainer=trainer).state is RunState.PROMOTED
    with world.database.read() as connection:
        served = adapters.read_pointer(connection).production
    assert (world.home.adapter(served) / MOMENTS).read_bytes() == b"night 1"
    for at in range(5):
        text = page(f"later matter {at}", f"Number {at} of a new day: " + " ".join(f"w{at}{n}" for n in range(30)))
        write(world.journal, f"09{at:02}-later", text, "2026-03-03")
    world.index()
    assert world.night(DAY + timedelta(days=1), trainer=trainer).state is RunState.PROMOTED
    assert trainer.found == [None, b"night 1"]
