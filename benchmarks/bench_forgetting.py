"""Does a model know planted secrets, and does it still after forgetting? Ranks of secrets among decoys.

Twenty made-up words, each in two documents, are trained into a tiny model in the second of two nights. A word's rank
by likelihood among 100 decoys of its form says whether the model knows it: 1 for one that it does, anything from 1 to
101 for one that it does not. Printed: the ranks before, after forgetting, and in a home that never had the documents,
each with the Kolmogorov-Smirnov test against uniform ranks, and what forgetting cost. The last two must be equal rank
by rank, since the weights are. `tests/flows/test_forgetting_rank.py` asserts what this prints.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.flows.real_nights import Recipe, tiny_llama
from tests.flows.test_forgetting import QuickWorld, lineage
from tests.flows.test_forgetting_rank import DECOYS, HOT, file_names, live, plant, questions, ranks, uniform_p


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    with tiny_llama(folder) as base:
        measure(folder, Recipe(base, HOT))


def measure(folder: Path, recipe: Recipe) -> None:
    planted = plant()
    world, never = (made(folder / name) for name in ("had", "never"))
    live(world, recipe, planted)
    asked = questions(world, planted)
    print(told("before", ranks(world, recipe, asked)))
    began, cpu = time.monotonic(), time.process_time()
    done = recipe.forget(world, *file_names())
    print(
        f"forgot {done.wiped.documents} documents and replayed {len(done.replayed)} nights: "
        f"{time.monotonic() - began:.1f} s, CPU {time.process_time() - cpu:.1f} s"
    )
    print(told("after", ranks(world, recipe, asked)))
    live(never, recipe, ())
    print(told("never had them", ranks(never, recipe, asked)))
    print(f"equal lineages: {lineage(world) == lineage(never)}")


def made(root: Path) -> QuickWorld:
    root.mkdir()
    return QuickWorld(root)


def told(when: str, found: Sequence[int]) -> str:
    first = sum(rank == 1 for rank in found)
    within = sum(0.01 < rank / (DECOYS + 1) < 0.99 for rank in found)
    return (
        f"{when}: first {first} of {len(found)}, median {median(found)} of {DECOYS + 1}, between 1 % and 99 % "
        f"{within}, KS p {uniform_p(found):.2g}; {sorted(found)}"
    )


if __name__ == "__main__":
    main()
