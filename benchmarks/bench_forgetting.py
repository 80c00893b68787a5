"""Does a model know a planted secret, and does it still after forgetting? Ranks of secrets among decoys.

Twelve documents, each with a code of random digits, are trained into a tiny model in the second of three nights. A
code's rank by likelihood among 99 decoys of its form says whether the model knows it: 1 for one that it does,
anything from 1 to 100 for one that it does not. Printed: the mean rank and how likely so low a mean is by chance
(normal approximation of the mean of uniform ranks), before and after forgetting, and for a home that never had them;
and what forgetting cost. The last two must be equal figure by figure, since the weights are.
"""

import math
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import torch
from tests.backends.trainers.conftest import _save
from tests.flows.fakes import DAY, POLICY
from tests.flows.pages import page, write
from tests.flows.test_forgetting import QuickWorld, later_day, lineage, parts
from tests.flows.test_forgetting_weights import Real
from transformers import LlamaConfig, LlamaForCausalLM

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.peft_trainer import PeftTrainer
from web4_agent.flows.forgetting import ForgetRequest, Replayed, forget
from web4_agent.flows.forgetting.parts import Versions
from web4_agent.flows.night import NightRequest, again

SECRETS = 12
DECOYS = 99
HOT = replace(
    POLICY,
    rank=16,
    alpha=64,
    dropout=0.0,
    kl_weight=0.0,
    learning_rate=1e-2,
    epochs=20,
    tokens_per_step=200,
    max_sample_tokens=200,
    max_tokens=12_000,
)
"""Far hotter than a night's recipe. The tiny model still learns little of a code: see the ranks before."""


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    base = _save(folder / "tiny-llama", LlamaForCausalLM, LlamaConfig)
    draw = random.Random(7)
    codes = [f"{draw.randrange(10**6):06d}" for _ in range(SECRETS)]
    world = live(folder / "had", base, codes)
    print(told("before", ranks(world, base, codes)))

    def replay(day: date, versions: Versions) -> Replayed:
        report = again(world.parts(trainer=Real(world), base=base, policy=HOT), NightRequest(day, only=versions))
        return Replayed(report.run, report.state, report.serving, report.sentence)

    began, cpu = time.monotonic(), time.process_time()
    done = forget(
        parts(world, replay=replay),
        ForgetRequest(tuple(f"2026-03-03-UTC-09{number:02}-locker.pdca.md" for number in range(SECRETS))),
    )
    print(
        f"forgot, and replayed {len(done.replayed)} nights: "
        f"{time.monotonic() - began:.1f} s, CPU {time.process_time() - cpu:.1f} s"
    )
    print(told("after", ranks(world, base, codes)))
    never = live(folder / "never", base, ())
    print(told("never had it", ranks(never, base, codes)))
    print(f"equal adapters: {lineage(world) == lineage(never)}")


def live(root: Path, base: Path, codes: Sequence[str]) -> QuickWorld:
    root.mkdir()
    world = QuickWorld(root)
    for at, names in enumerate(
        (["rope-store", "crane-check"], ["tar-barrel", "light-ship"], ["anchor-chain", "gang-way"])
    ):
        later_day(world, 2 + at, names)
        for number, code in enumerate(codes if at == 1 else ()):
            own = " ".join(f"v{number}y{word}" for word in range(40))
            write(world.journal, f"09{number:02}-locker", page(f"locker {number}", f"{code}. {own}"), "2026-03-03")
        world.index()
        report = world.night(DAY + timedelta(days=at), trainer=Real(world), base=base, policy=HOT)
        print(f"  {report.run}: {report.sentence}")
    return world


def line(number: int, code: str) -> str:
    return f"settle the locker {number} for good {code}"


def ranks(world: QuickWorld, base: Path, codes: Sequence[str]) -> list[int]:
    """Of each code among its decoys, 1 for the likeliest; equal ones count for it."""
    draw = random.Random(11)
    decoys = [[f"{draw.randrange(10**6):06d}" for _ in range(DECOYS)] for _ in codes]
    asked = [ScoreRequest((), line(at, one)) for at, code in enumerate(codes) for one in (code, *decoys[at])]
    scores = [
        score.mean * len(score.tokens)
        for score in PeftTrainer(1).score(base, world.home.adapter(lineage(world)[0]), asked)
    ]
    groups = [scores[at : at + DECOYS + 1] for at in range(0, len(scores), DECOYS + 1)]
    return [1 + sum(other > group[0] for other in group[1:]) for group in groups]


def told(when: str, found: Sequence[int]) -> str:
    mean = sum(found) / len(found)
    expected, spread = (DECOYS + 2) / 2, math.sqrt(((DECOYS + 1) ** 2 - 1) / 12 / len(found))
    by_chance = 0.5 * math.erfc((expected - mean) / spread / math.sqrt(2))
    first = f"first {sum(one == 1 for one in found)} of {len(found)}, p {by_chance:.2g}"
    return f"{when}: mean rank {mean:.1f} of {DECOYS + 1} (chance {expected}), {first}; {sorted(found)}"


if __name__ == "__main__":
    main()
