"""A trainer that learns nothing, in milliseconds: a small real PEFT folder whose values follow from the job alone.

For tests, the tutorial and dry runs of the night. Keeps the contract of `trainers.base`: repeatable, publishes
atomically, scales parameter by parameter; can be told to fail at a step. Knows no model: a token is a word.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.peft_folder import Config, interpolate, read_parameters, write_folder
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.speech import TextScore, TokenScore
from web4_agent.domain.training import TrainedAdapter, TrainPolicy, TrainProgress
from web4_agent.storage.atomic import publish_folder

WIDTH = 8
"""Width of the model that the folders claim to be trained on: one layer, one query projection."""
MODULE = "base_model.model.model.layers.0.self_attn.q_proj"
FIRST_LOSS, LAST_LOSS = 3.0, 2.0


@dataclass(frozen=True, slots=True)
class ScriptedTrainer:
    """`fail_at_step`: raise TrainingError when that step (from 1) is due, as a trainer that ran out of memory does."""

    fail_at_step: int | None = None

    @property
    def name(self) -> str:
        return "scripted"

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        learned = (*job.samples, *(each.sample for each in job.preferences))
        counts = self.token_counts(job.base, [f"{sample.prompt} {sample.target}" for sample in learned])
        tokens = min(sum(counts) * job.policy.epochs, job.policy.max_tokens)
        if not tokens:
            raise TrainingError("no sample to learn from", "web4-agent status")
        steps = math.ceil(tokens / job.policy.tokens_per_step)
        config = _config(job.policy)
        first = _fresh(job.policy) if job.start is None else read_parameters(job.start)
        start = job.work / "start"
        publish_folder(lambda folder: write_folder(folder, config, first), start)
        self._pretend(steps, tokens, progress)
        last = _moved(first, _job_seed(job))
        publish_folder(lambda folder: write_folder(folder, config, last), job.out)
        loss_tokens = sum(self.token_counts(job.base, [sample.target for sample in learned])) * job.policy.epochs
        return TrainedAdapter(
            folder=job.out,
            start=start,
            steps=steps,
            tokens=tokens,
            loss_tokens=min(tokens, loss_tokens),
            first_loss=_loss(0, steps),
            last_loss=_loss(steps - 1, steps),
            kl=0.0,
            seconds=0.0,
        )

    def scale(self, trained: TrainedAdapter, weight: float, out: Path) -> None:
        interpolate(trained.start, trained.folder, weight, out)

    def score(self, base: Path, adapter: Path | None, requests: Sequence[ScoreRequest]) -> list[TextScore]:  # noqa: ARG002 - the contract's
        """Between -2 and -1 nats a token, from the adapter's parameters, the messages and the text."""
        salt = b"" if adapter is None else b"".join(array.tobytes() for array in read_parameters(adapter).values())
        return [_scored(request, salt) for request in requests]

    def token_counts(self, base: Path, texts: Sequence[str]) -> list[int]:  # noqa: ARG002 - as above
        return [len(text.split()) for text in texts]

    def _pretend(self, steps: int, tokens: int, progress: Callable[[TrainProgress], None]) -> None:
        for step in range(1, steps + 1):
            if step == self.fail_at_step:
                raise TrainingError(f"the scripted trainer fails at step {step}", "ask for another script")
            share = tokens // steps
            progress(TrainProgress(step, steps, _loss(step - 1, steps), 0.0, share, float(step), float(steps - step)))


def _loss(step: int, steps: int) -> float:
    return FIRST_LOSS + (LAST_LOSS - FIRST_LOSS) * step / max(1, steps - 1)


def _config(policy: TrainPolicy) -> Config:
    return {
        "base_model_name_or_path": "scripted",
        "bias": "none",
        "inference_mode": True,
        "lora_alpha": policy.alpha,
        "lora_dropout": policy.dropout,
        "peft_type": "LORA",
        "r": policy.rank,
        "target_modules": ["q_proj"],
        "task_type": "CAUSAL_LM",
    }


def _fresh(policy: TrainPolicy) -> dict[str, NDArray[np.float32]]:
    """A drawn from the seed, B zero, as LoRA begins."""
    draw = np.random.default_rng(policy.seed)
    return {
        f"{MODULE}.lora_A.weight": draw.standard_normal((policy.rank, WIDTH), dtype=np.float32),
        f"{MODULE}.lora_B.weight": np.zeros((WIDTH, policy.rank), dtype=np.float32),
    }


def _moved(first: dict[str, NDArray[np.float32]], seed: int) -> dict[str, NDArray[np.float32]]:
    draw = np.random.default_rng(seed)
    return {
        name: array + np.float32(0.01) * draw.standard_normal(array.shape, dtype=np.float32)
        for name, array in sorted(first.items())
    }


def _job_seed(job: TrainJob) -> int:
    said = repr(([asdict(sample) for sample in job.samples], asdict(job.policy)))
    if job.preferences:
        said += repr([asdict(each) for each in job.preferences])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8])


def _scored(request: ScoreRequest, salt: bytes) -> TextScore:
    asked = "\n".join(f"{message.role}: {message.content}" for message in request.messages)
    tokens: list[TokenScore] = []
    for position, word in enumerate(request.text.split()):
        digest = hashlib.sha256(salt + f"{asked}|{position}|{word}".encode()).digest()
        logprob = -1.0 - int.from_bytes(digest[:4]) / 2**32
        token = int.from_bytes(digest[4:6])
        others = tuple((token + 1 + place, logprob - 1.0 - place) for place in range(request.top))
        tokens.append(TokenScore(token, logprob, others))
    return TextScore(tuple(tokens), len(request.text.encode()))
