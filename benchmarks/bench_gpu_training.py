"""Training on a GPU at the shape of a 7 B model: our loop, and PEFT with transformers' Trainer padded to 2,048.

    python benchmarks/bench_gpu_training.py [--base FOLDER] [--device cuda:0] [--bits 16] [--steps 12]
    python benchmarks/bench_gpu_training.py --tiny        the same on a tiny shape, on any device, in seconds

Without `--base` a folder is written with random weights in the shape of Qwen2.5-Coder-7B (15 GB, where TMPDIR points):
the time does not depend on what the weights are. It is loaded as a night loads it, 4 bits included. Token ids are drawn
at random, in samples of 60 to 600 tokens; half of a sample bears loss, and a fifth of them is held to the base.

    shipped    what a night does, in steps of --step-tokens tokens; --profile says where the time of one goes
    trainer    every sample padded to 2,048 tokens, all logits, gradient checkpointing, batch of one

For each: real tokens a second, the share of the rate of a large matrix product measured in the same process that the
arithmetic training needs comes to (see `training_shape`), peak memory, and the time of 50 and of 200 such samples, one
epoch, loading included. The first steps are not counted. Without a GPU it says so and takes the tiny shape. Prints and
never fails on a figure.
"""

import argparse
import json
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
from web4_agent.backends.trainers import training_loop
from web4_agent.backends.trainers.base_weights import load_base
from web4_agent.backends.trainers.lora_model import PROJECTIONS, load_for_training
from web4_agent.backends.trainers.packing import Step, TokenSample, plan_steps
from web4_agent.backends.trainers.peft_trainer import child_environment
from web4_agent.backends.trainers.peft_worker import prepare_torch
from web4_agent.backends.trainers.placement import Placement, place
from web4_agent.domain.errors import Web4Error
from web4_agent.domain.ids import SampleId
from web4_agent.domain.training import Compute, TrainPolicy

RECIPES = ("shipped", "trainer")
EVENINGS = (50, 200)
GENERAL_SHARE = 0.2
GIGA, TERA = 1e9, 1e12


@dataclass(frozen=True)
class Scale:
    """How large all is: the model, in the words of transformers, the samples, the padding, the measured product."""

    config: dict[str, int]
    lengths: tuple[int, int]
    padded: int
    matrix: int


QWEN_7B = Scale(
    {
        "hidden_size": 3584,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "intermediate_size": 18_944,
        "vocab_size": 152_064,
        "max_position_embeddings": 32_768,
    },
    lengths=(60, 600),
    padded=2048,
    matrix=8192,
)
TINY = Scale(
    {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 96,
        "vocab_size": 320,
        "max_position_embeddings": 512,
    },
    lengths=(10, 60),
    padded=128,
    matrix=512,
)


@dataclass(frozen=True)
class Measured:
    """`tokens` are real ones, of the counted steps; times in seconds; `matrix_flop_per_s` of a plain large product."""

    recipe: str
    where: str
    tokens: int
    wall_s: float
    load_s: float
    needed_flop: float
    matrix_flop_per_s: float
    peak_bytes: int
    mean_tokens: float

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.wall_s

    @property
    def matrix_share(self) -> float:
        return self.needed_flop / self.wall_s / self.matrix_flop_per_s

    def evening_s(self, samples: int) -> float:
        return self.load_s + samples * self.mean_tokens / self.tokens_per_s


def main() -> None:
    asked = _arguments()
    if not (asked.tiny or torch.cuda.is_available()):
        print(
            f"PyTorch {torch.__version__} sees no GPU here: the same code on a tiny shape, whose figures say nothing."
        )
        asked.tiny = True
    if asked.recipe:
        print(json.dumps(asdict(_measure(asked.recipe, asked))))
        return
    with tempfile.TemporaryDirectory() as folder:
        asked.base = asked.base or write_random_base(Path(folder) / "base", TINY if asked.tiny else QWEN_7B)
        measured = []
        for recipe in asked.recipes.split(","):
            try:
                measured.append(_measure(recipe, asked) if asked.tiny else _in_own_process(recipe, asked))
            except (Web4Error, subprocess.CalledProcessError) as error:
                print(f"{recipe}: {error}", file=sys.stderr)
    _print(measured)


def write_random_base(folder: Path, scale: Scale) -> Path:
    """A model folder in Hugging Face layout without a tokenizer, bfloat16, one file a layer."""
    from safetensors.torch import save_file
    from transformers import Qwen2Config, Qwen2ForCausalLM

    folder.mkdir(parents=True)
    config = Qwen2Config(**scale.config, tie_word_embeddings=False, architectures=["Qwen2ForCausalLM"])
    config.save_pretrained(folder)
    with torch.device("meta"):
        shapes = {name: each.shape for name, each in Qwen2ForCausalLM(config).state_dict().items()}
    draw = torch.Generator("cuda" if torch.cuda.is_available() else "cpu").manual_seed(1)
    files: dict[str, str] = {}
    for file, names in _by_file(shapes).items():
        save_file({name: _drawn(name, shapes[name], draw) for name in names}, folder / file, metadata={"format": "pt"})
        files |= dict.fromkeys(names, file)
    index = {"metadata": {}, "weight_map": files}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def _by_file(names: Sequence[str] | dict[str, torch.Size]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for name in names:
        layer = name.split(".")[2] if ".layers." in name else "rest"
        files.setdefault(f"model-{layer}.safetensors", []).append(name)
    return files


def _drawn(name: str, shape: torch.Size, draw: torch.Generator) -> torch.Tensor:
    if name.endswith("norm.weight"):
        return torch.ones(shape, dtype=torch.bfloat16)
    return torch.empty(shape, dtype=torch.bfloat16, device=draw.device).normal_(0.0, 0.02, generator=draw).cpu()


def _print(measured: Sequence[Measured]) -> None:
    heads = ("tokens/s", "of matrix rate", "peak GB", "load s", *(f"{count} samples s" for count in EVENINGS))
    print("{:10} {:>10} {:>15} {:>9} {:>8} {:>13} {:>13}".format("recipe", *heads))
    for each in measured:
        evenings = " ".join(f"{each.evening_s(count):13.1f}" for count in EVENINGS)
        print(
            f"{each.recipe:10} {each.tokens_per_s:10.1f} {each.matrix_share:15.3f} {each.peak_bytes / GIGA:9.2f}"
            f" {each.load_s:8.1f} {evenings}"
        )
    for each in measured:
        rate = each.matrix_flop_per_s / TERA
        print(f"{each.recipe}: {each.where}; matrix rate {rate:.3g} TFLOP/s; mean sample {each.mean_tokens:.0f} tokens")


def _in_own_process(recipe: str, asked: argparse.Namespace) -> Measured:
    """So that its peak memory is its own, and nothing is left of the one before."""
    command = [sys.executable, __file__, "--recipe", recipe, "--base", str(asked.base), "--device", asked.device]
    command += ["--precision", asked.precision, "--bits", str(asked.bits), "--steps", str(asked.steps)]
    command += ["--step-tokens", str(asked.step_tokens), *(["--profile"] if asked.profile else [])]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=child_environment(torch.get_num_threads()), text=True
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _measure(recipe: str, asked: argparse.Namespace) -> Measured:
    prepare_torch()
    placement = place(Compute(asked.device, asked.precision, asked.bits))
    scale = TINY if asked.tiny else QWEN_7B
    policy = TrainPolicy(tokens_per_step=120 if asked.tiny else asked.step_tokens)
    shape = Shape.of(asked.base)
    samples = _samples(scale, shape.vocabulary)
    rate = _matrix_rate(placement, scale.matrix)
    if placement.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(placement.device)
    run = _ours if recipe == "shipped" else _trainer
    load_s, done, wall_s = run(asked, placement, policy, samples)
    with_kl = recipe == "shipped" and policy.kl_weight > 0
    return Measured(
        recipe,
        str(placement),
        sum(step.tokens for step in done),
        wall_s,
        load_s,
        sum(shape.needed_flop(step, policy.rank, with_kl=with_kl) for step in done),
        rate,
        _peak_bytes(placement),
        statistics.mean(len(sample.tokens) for sample in samples),
    )


Run = tuple[float, list[Step], float]
"""Seconds to load, the counted steps, their seconds."""


def _ours(asked: argparse.Namespace, placement: Placement, policy: TrainPolicy, samples: list[TokenSample]) -> Run:
    began = time.perf_counter()
    model = load_for_training(asked.base, None, policy, placement)
    optimizer = training_loop.new_optimizer(model, policy)
    load_s = time.perf_counter() - began
    endless = replace(policy, epochs=50, max_tokens=10**9)
    steps = iter(plan_steps(samples, endless, placement.pack_tokens))

    def step_once(step: Step) -> None:
        training_loop.train_step(model, optimizer, step, policy, rate=1.0, seed=policy.seed)

    done, wall_s = _timed(steps, step_once, asked.steps, placement)
    if asked.profile:
        _profile(lambda: step_once(next(steps)))
    return load_s, done, wall_s


def _profile(step_once: Callable[[], None]) -> None:
    """One more step, and where its time goes on the processor and on the GPU."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    activities += [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    with profile(activities=activities) as seen:
        step_once()
    for by in ("self_cpu_time_total", "self_device_time_total")[: len(activities)]:
        print(seen.key_averages().table(sort_by=by, row_limit=16, max_name_column_width=50), file=sys.stderr)


def _timed(
    steps: Iterator[Step], step_once: Callable[[Step], None], count: int, placement: Placement
) -> tuple[list[Step], float]:
    """Two steps for warming up, then `count` that are counted."""
    for _ in range(2):
        step_once(next(steps))
    done: list[Step] = []
    _wait_for(placement)
    began = time.perf_counter()
    for _ in range(count):
        done.append(next(steps))
        step_once(done[-1])
    _wait_for(placement)
    return done, time.perf_counter() - began


def _trainer(asked: argparse.Namespace, placement: Placement, policy: TrainPolicy, samples: list[TokenSample]) -> Run:
    """PEFT and transformers' Trainer as they come, a padded sample a step. A step costs the same however long its
    sample is, and there is time for a few only: each counts as one of mean length, taken from the samples' middle."""
    from transformers import Trainer, TrainingArguments

    began = time.perf_counter()
    model = _peft_model(asked.base, placement, policy)
    load_s = time.perf_counter() - began
    padded = (TINY if asked.tiny else QWEN_7B).padded
    middle = sorted(samples, key=lambda sample: len(sample.tokens))[len(samples) // 2]
    steps = asked.steps
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=1,
            max_steps=steps + 2,
            gradient_checkpointing=True,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            learning_rate=policy.learning_rate,
            bf16=placement.dtype is torch.bfloat16,
            use_cpu=placement.on_cpu,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        clock = _clock(placement)
        data = [_padded(middle, padded)] * (steps + 2)
        Trainer(model=model, args=arguments, train_dataset=data, callbacks=[clock]).train()
    one = plan_steps([middle], replace(policy, tokens_per_step=1, epochs=1))[0]
    return load_s, [one] * steps, clock.ends[-1] - clock.ends[1]


def _clock(placement: Placement) -> Any:
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc] # transformers is untyped here
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            _wait_for(placement)
            self.ends.append(time.perf_counter())

    return Clock()


def _peft_model(base: Path, placement: Placement, policy: TrainPolicy) -> Any:
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    model = load_base(base, placement)
    if placement.base_bits == 4:
        model = prepare_model_for_kbit_training(model, gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
    config = LoraConfig(
        r=policy.rank,
        lora_alpha=policy.alpha,
        lora_dropout=policy.dropout,
        target_modules=list(PROJECTIONS),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _padded(sample: TokenSample, length: int) -> dict[str, list[int]]:
    room = length - len(sample.tokens)
    return {
        "input_ids": [*sample.tokens, *[0] * room],
        "labels": [*[-100] * sample.loss_start, *sample.tokens[sample.loss_start :], *[-100] * room],
        "attention_mask": [1] * len(sample.tokens) + [0] * room,
    }


def _samples(scale: Scale, vocabulary: int) -> list[TokenSample]:
    draw = random.Random(11)
    samples: list[TokenSample] = []
    for number in range(200):
        length = draw.randint(*scale.lengths)
        tokens = tuple(draw.randrange(vocabulary) for _ in range(length))
        general = draw.random() < GENERAL_SHARE
        samples.append(TokenSample(SampleId(str(number)), tokens, max(1, length // 2), general=general))
    return samples


def _matrix_rate(placement: Placement, size: int, repeats: int = 10) -> float:
    """Operations a second of square products in the number type of the training."""
    left, right = (torch.randn(size, size).to(placement.device, placement.dtype) for _ in range(2))
    out = left @ right
    _wait_for(placement)
    began = time.perf_counter()
    for _ in range(repeats):
        torch.mm(left, right, out=out)
    _wait_for(placement)
    return repeats * 2 * size**3 / (time.perf_counter() - began)


def _wait_for(placement: Placement) -> None:
    if placement.device.type == "cuda":
        torch.cuda.synchronize(placement.device)


def _peak_bytes(placement: Placement) -> int:
    if placement.device.type == "cuda":
        return torch.cuda.max_memory_allocated(placement.device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Training on a GPU at the shape of a 7 B model")
    parser.add_argument(
        "--base", type=Path, help="a model folder; random weights in Qwen2.5-Coder-7B's shape if not given"
    )
    parser.add_argument("--device", default="auto", help="as training.device")
    parser.add_argument("--precision", default="auto", help="as training.precision")
    parser.add_argument("--bits", type=int, default=16, help="as training.base_bits")
    parser.add_argument("--steps", type=int, default=12, help="steps that are counted")
    parser.add_argument("--step-tokens", type=int, default=4096, help="as training.tokens_per_step")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--tiny", action="store_true", help="a tiny shape, to see that all of it runs")
    parser.add_argument("--profile", action="store_true", help="one more step of ours: where its time goes")
    parser.add_argument("--recipe", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
