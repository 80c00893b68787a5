"""How often the router agrees with the labels, and what a decision costs.

    python benchmarks/bench_router.py

For each set of `tests/steps/route_queries`: the share of right routes and tiers, the confusion table, right and wrong
fields, and CPU microseconds a query. Then the cost of long and hostile texts, which must not grow with their length.
"""

import sys
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.steps.route_labels import SETS, confusion, outcome

from web4_agent.steps.route import Known, route

KNOWN = Known(frozenset({"SaveRestartAgent", "Maren Tolvik"}), frozenset({"Sprint 20"}), date(2025, 10, 22))
HOSTILE = (
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
    for length in (5_000, 200_000):
        worst = max((_cost_us((piece * length)[:length]), piece) for piece in (*HOSTILE, PASTED))
        print(f"worst of {len(HOSTILE) + 1} repeated pieces, {length:,} characters: {worst[0]:.0f} us ({worst[1]!r})")


def _cost_us(text: str) -> float:
    began = time.process_time()
    for _ in range(REPEATS):
        route(text, KNOWN)
    return 1e6 * (time.process_time() - began) / REPEATS


if __name__ == "__main__":
    main()
