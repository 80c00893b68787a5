"""The trainer seam: train, scale, score with the trainer's own copy of the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.domain.samples import Preference, Sample
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import TrainedAdapter, TrainPolicy, TrainProgress


@dataclass(frozen=True, slots=True)
class TrainJob:
    """`base` is a folder in Hugging Face layout (safetensors); `start` a PEFT folder to continue, or None for a fresh
    adapter. `out` does not exist yet and is filled only when training is complete; `work` holds checkpoints and may
    hold those of an earlier, killed attempt of the same job, which is then continued.

    With `preferences` the job teaches these, at least half its loss tokens being of `samples` as before; `start` is
    then also the model that the answers' likelihoods are held against."""

    base: Path
    start: Path | None
    samples: tuple[Sample, ...]
    policy: TrainPolicy
    out: Path
    work: Path
    preferences: tuple[Preference, ...] = ()


class Trainer(Protocol):
    """Raises TrainingError (non-finite loss, out of memory, died) and ModelError (a model or adapter can't load)."""

    @property
    def name(self) -> str:
        """Implementation and library versions, for the manifest."""

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        """Train one night. Repeatable: the same job from the same state gives the same bytes on the same machine."""

    def scale(self, trained: TrainedAdapter, weight: float, out: Path) -> None:
        """Write to `out` the PEFT folder whose LoRA parameters are start + weight · (end - start)."""

    def score(self, base: Path, adapter: Path | None, requests: Sequence[ScoreRequest]) -> list[TextScore]:
        """As Engine.score, on the trainer's float32 copy: the parity check's other side."""

    def token_counts(self, base: Path, texts: Sequence[str]) -> list[int]: ...
