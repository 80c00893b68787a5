"""How often the router agrees with the labels, and what a decision costs.

    python benchmarks/bench_router.py

For each set of `tests/steps/route_queries`: the share of right routes and tiers, the confusion table, right and wrong
fields, and CPU microseconds a query. Then the cost of long and hostile texts, which must not grow with their length.
"""

import random
import string
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.steps.route_labels import SETS, confusion, outcome

from web4_agent.steps.route import Known, route
from web4_agent.steps.route.letters import WORDS

KNOWN = Known(frozenset({"SaveRestartAgent", "Maren Tolvik"}), frozenset({"Sprint 20"}), date(2025, 10, 22))
HOSTILE = (
    "a",
    "1",
    '"',
    "'",
    "([{",
    "[",
    "12 ",
    "漢 ",
    "😀",
    "e\u0301",
    "\u202e",
    "\x00",
    "and ",
    "und ",
    "dann ",
    "please ",
    "what ",
    "Oct ",
    "a_b ",
    "https://a/ ",
    "between 1 and ",
    "what did we do on 15 October? ",
    "how did we ",
    "-",
    "a-",
    "@-",
    "`",
    "```\n",
    "<file>",
    "15-",
    "1.",
    "x/",
    "of the ",
    "2025-10-",
    "\n",
    "()",
    "ü ",
)
PASTED = "export class Unit { private path = 'src/a.ts'; }\n"
REPEATS = 20
WANTED_US = 1_000


def main() -> None:
    for half in SETS:
        found = outcome(half)
        print(f"-- {half}: {found.routes.total()} queries, route {found.accuracy:.1%}")
        print(confusion(found))
        if found.tiers:
            print(f"tiers {found.tier_accuracy:.1%} (label, decided): {dict(found.tiers)}")
            print(f"fields (name, right): {dict(sorted(found.fields.items()))}")
        median, high, most = found.percentile_us(0.5), found.percentile_us(0.95), found.cpu_us[-1]
        print(f"CPU us a query: median {median:.0f}, p95 {high:.0f}, max {most:.0f}")
    for length in (5_000, 100_000):
        texts = [((piece * length)[:length], repr(piece)) for piece in (*HOSTILE, PASTED)] + list(_noise(length))
        costs = sorted(((_cost_us(text), name) for text, name in texts), reverse=True)
        worst = ", ".join(f"{name} {cost:.0f}" for cost, name in costs[:5])
        over = sum(cost > WANTED_US for cost, _ in costs)
        print(f"{len(texts)} hostile texts of {length:,} characters, CPU us: {over} above {WANTED_US}; worst {worst}")


def _noise(length: int) -> Iterator[tuple[str, str]]:
    """Texts that repeat nothing: of printable characters, of the whole of Unicode's first plane, of known words."""
    chance = random.Random(1)
    known = sorted(WORDS)
    yield "".join(chance.choices(string.printable, k=length)), "printable noise"
    yield "".join(chr(chance.randrange(32, 0x3000)) for _ in range(length)), "letters of all scripts"
    yield " ".join(chance.choices(known, k=length // 6))[:length], "known words in any order"


def _cost_us(text: str) -> float:
    """The least of some repeats: what the text costs, and not what else the machine does."""
    costs = []
    for _ in range(REPEATS):
        began = time.process_time()
        route(text, KNOWN)
        costs.append(time.process_time() - began)
    return 1e6 * min(costs)


if __name__ == "__main__":
    main()
