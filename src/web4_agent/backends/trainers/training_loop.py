"""One night's training: plan, load, step, checkpoint, publish. Called by the trainer's child process.

Repeatable: weights depend on base, start, samples and policy alone, and a run that was killed and continued ends in the
very bytes of one that was not. Knows nothing of documents, gates or where an adapter goes.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from web4_agent.backends.trainers import checkpoint
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.checkpoint import Progress
from web4_agent.backends.trainers.head_loss import head_loss, loss_positions
from web4_agent.backends.trainers.lora_model import LoraModel, load_for_training
from web4_agent.backends.trainers.moments import copy_moments, take_up_moments, write_moments
from web4_agent.backends.trainers.packing import (
    Pack,
    Step,
    TokenPreference,
    plan_preference_steps,
    plan_steps,
    rate_factor,
)
from web4_agent.backends.trainers.peft_folder import MOMENTS_NAME, WEIGHTS_NAME
from web4_agent.backends.trainers.placement import ON_CPU, Placement
from web4_agent.backends.trainers.preference_loss import backward_preferences, with_references
from web4_agent.backends.trainers.render import Renderer
from web4_agent.domain.errors import TrainingError
from web4_agent.domain.samples import Sample, SampleKind, SampleOrigin
from web4_agent.domain.training import TrainedAdapter, TrainPolicy, TrainProgress
from web4_agent.storage.atomic import publish_folder, publish_text, remove_folder

RESULT_NAME = "result.json"
START_NAME = "start"
LEAST_WEIGHT = 1e-9
"""Of a step whose samples only hold the model to the base: nothing is divided by nothing."""
BASE_FACTS = ("config.json", "tokenizer.json", "base.json")
"""Small files of a base that change when it does; base.json, where there is one, holds the hash of the weights."""


def train(job: TrainJob, progress: Callable[[TrainProgress], None], placement: Placement = ON_CPU) -> TrainedAdapter:
    """Train `job`, continuing an earlier attempt in `job.work`; one that is complete is only reported again."""
    fingerprint = job_fingerprint(job, placement)
    done = _already_done(job, fingerprint)
    if done is not None:
        return done
    steps = _plan(job, placement.pack_tokens)
    model = load_for_training(job.base, job.start, job.policy, placement)
    steps = with_references(model, steps)  # before a checkpoint is loaded: the model as it was when the job began
    start = job.work / START_NAME
    remove_folder(start)  # another job's, or these very bytes
    publish_folder(model.write, start)
    optimizer = new_optimizer(model, job.policy)
    if job.policy.carry_moments and job.start is not None and not job.preferences:
        take_up_moments(job.start, model.parameters, optimizer)
    come = checkpoint.load(job.work, fingerprint, model.parameters, optimizer)
    night = _Night(job, model, optimizer, steps, progress)
    came = night.run(come)
    trained = _result(job, steps, came, resumed_at=come.step)
    publish_text(
        json.dumps({"fingerprint": fingerprint, "trained": asdict(trained)}, default=str), job.work / RESULT_NAME
    )
    publish_folder(lambda folder: _write(folder, job, model, optimizer), job.out)
    checkpoint.clear(job.work)
    return trained


def new_optimizer(model: LoraModel, policy: TrainPolicy) -> torch.optim.Optimizer:
    return torch.optim.AdamW(list(model.parameters.values()), lr=policy.learning_rate, weight_decay=0.0, foreach=True)


def train_step(
    model: LoraModel, optimizer: torch.optim.Optimizer, step: Step, policy: TrainPolicy, *, rate: float, seed: int
) -> tuple[float, float]:
    """One optimiser step: (loss, kl) in nats per loss-bearing token, both before the step. A step with preferences has
    their mean loss (0 to 1, at first a half) on top.

    Raises TrainingError if loss or gradient is not finite; the parameters are then as they were.
    """
    optimizer.zero_grad(set_to_none=True)
    loss = kl = 0.0
    for index, pack in enumerate(step.packs):
        pack_loss, pack_kl = _backward(model, pack, step, policy, seed + index)
        loss, kl = loss + pack_loss, kl + pack_kl
    loss += backward_preferences(model, step, policy)
    norm = torch.nn.utils.clip_grad_norm_(list(model.parameters.values()), policy.clip)
    if not (math.isfinite(loss) and math.isfinite(kl) and bool(norm.isfinite())):
        raise TrainingError(
            f"the loss is not finite (loss {loss}, gradient norm {float(norm)})",
            "lower training.learning_rate, then run the night again",
        )
    for group in optimizer.param_groups:
        group["lr"] = policy.learning_rate * rate
    optimizer.step()
    return loss, kl / max(1, step.general_loss_tokens)


def job_fingerprint(job: TrainJob, placement: Placement = ON_CPU) -> str:
    """Equal for jobs that must end in equal bytes: samples, policy, start, libraries, base by config and file sizes,
    and what it is computed on."""
    import peft
    import transformers

    weights = sorted((path.name, path.stat().st_size) for path in job.base.glob("*.safetensors"))
    said: dict[str, object] = {
        "samples": [asdict(sample) for sample in job.samples],
        "policy": asdict(job.policy),
        "start": None if job.start is None else _file_hash(job.start / WEIGHTS_NAME),
        "base": [*(_file_hash(job.base / name) for name in BASE_FACTS), weights],
        "libraries": [torch.__version__, transformers.__version__, peft.__version__],
        "threads": torch.get_num_threads(),
    }
    if job.policy.carry_moments:
        said["moments"] = None if job.start is None else _file_hash(job.start / MOMENTS_NAME)
    if not placement.plain:
        said["placement"] = str(placement)
    if job.preferences:
        said["preferences"] = [asdict(each) for each in job.preferences]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Night:
    job: TrainJob
    model: LoraModel
    optimizer: torch.optim.Optimizer
    steps: Sequence[Step]
    progress: Callable[[TrainProgress], None]

    def run(self, come: Progress) -> Progress:
        """All steps that are left; a checkpoint after every `policy.checkpoint_every_steps` of them but the last."""
        policy, count = self.job.policy, len(self.steps)
        began = time.monotonic()
        for number in range(come.step, count):
            seed = (policy.seed * 1_000_003 + number) * 1_009
            loss, kl = train_step(
                self.model,
                self.optimizer,
                self.steps[number],
                policy,
                rate=rate_factor(number, count, policy),
                seed=seed,
            )
            come = Progress(
                fingerprint=come.fingerprint,
                step=number + 1,
                first_loss=come.first_loss if number else loss,
                last_loss=loss,
                kl=kl if self.steps[number].general_loss_tokens else come.kl,
                seconds=come.seconds + time.monotonic() - began,
            )
            began = time.monotonic()
            self._report(come)
            if come.step % policy.checkpoint_every_steps == 0 and come.step < count:
                checkpoint.save(self.job.work, come, self.model.parameters, self.optimizer)
        return come

    def _report(self, come: Progress) -> None:
        done = sum(step.tokens for step in self.steps[: come.step])
        left = sum(step.tokens for step in self.steps[come.step :])
        self.progress(
            TrainProgress(
                step=come.step,
                steps=len(self.steps),
                loss=come.last_loss,
                kl=come.kl,
                tokens=self.steps[come.step - 1].tokens,
                elapsed_s=come.seconds,
                left_s=come.seconds * left / done,
            )
        )


def _plan(job: TrainJob, pack_tokens: int) -> tuple[Step, ...]:
    renderer = Renderer.load(job.base)
    weighed = (replace(sample, weight=sample.weight * _taught(sample, job.policy)) for sample in job.samples)
    rendered = (renderer.sample(sample, job.policy.max_sample_tokens) for sample in weighed)
    samples = [sample for sample in rendered if sample is not None]
    if job.policy.loss_on_prompts:
        samples = [replace(sample, loss_start=1) for sample in samples]
    if job.preferences:
        wanted = ((renderer.sample(one.sample, job.policy.max_sample_tokens), one.desirable) for one in job.preferences)
        preferences = [TokenPreference(sample, desirable) for sample, desirable in wanted if sample is not None]
        steps = plan_preference_steps(preferences, samples, job.policy, pack_tokens)
    else:
        steps = plan_steps(samples, job.policy, pack_tokens)
    if not steps:
        raise TrainingError("no sample has a token to learn", "web4-agent status")
    return steps


def _taught(sample: Sample, policy: TrainPolicy) -> float:
    """How much of its weight a sample's answer has as a target: general ones may only hold the model to the base."""
    if sample.origin is not SampleOrigin.GENERAL:
        return 1.0
    return policy.safety_loss if sample.kind is SampleKind.SAFETY else policy.general_loss


def _backward(model: LoraModel, pack: Pack, step: Step, policy: TrainPolicy, seed: int) -> tuple[float, float]:
    """Add one pack's gradients. Returns its part of the step's mean loss, and the sum of its KL over its tokens."""
    tokens = [sample.tokens for sample in pack.samples]
    chosen, targets, weights = loss_positions(pack.samples)
    hidden = model.stack.hidden(tokens, chosen, dropout_seed=seed if policy.dropout else None)
    base_hidden = None
    kl_scale = policy.kl_weight / max(1, step.general_loss_tokens)
    if pack.general and kl_scale:
        with torch.no_grad():
            base_hidden = model.stack.hidden(tokens, chosen, adapted=False)
    loss = head_loss(
        hidden.detach(),
        model.head_vd,
        targets,
        weights / max(step.loss_weight, LEAST_WEIGHT),
        base_hidden_nd=base_hidden,
        kl_scale=kl_scale,
    )
    hidden.backward(loss.gradient_nd)  # type: ignore[no-untyped-call] # torch leaves backward untyped
    return loss.nll, loss.kl


def _write(folder: Path, job: TrainJob, model: LoraModel, optimizer: torch.optim.Optimizer) -> None:
    """The adapter; beside it the moments, which a gentle step on preferences leaves as the night's own."""
    model.write(folder)
    if not job.policy.carry_moments:
        return
    if job.preferences and job.start is not None:
        copy_moments(job.start, folder)
    else:
        write_moments(folder, model.parameters, optimizer)


def _already_done(job: TrainJob, fingerprint: str) -> TrainedAdapter | None:
    if not job.out.exists():
        return None
    try:
        said: dict[str, Any] = json.loads((job.work / RESULT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = {}
    if said.get("fingerprint") != fingerprint:
        raise TrainingError(f"{job.out} exists and holds another training", "remove it, or train to another folder")
    return TrainedAdapter(**{**said["trained"], "folder": job.out, "start": job.work / START_NAME})


def _result(job: TrainJob, steps: Sequence[Step], came: Progress, resumed_at: int) -> TrainedAdapter:
    return TrainedAdapter(
        folder=job.out,
        start=job.work / START_NAME,
        steps=len(steps),
        tokens=sum(step.tokens for step in steps),
        loss_tokens=sum(step.loss_tokens for step in steps),
        first_loss=came.first_loss,
        last_loss=came.last_loss,
        kl=came.kl,
        seconds=came.seconds,
        resumed_at_step=resumed_at,
    )


def _file_hash(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
