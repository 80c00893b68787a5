"""How often probation alarms on a good version, and how many requests it needs on a bad one: the tables of its page.

Prints Markdown. Each row simulates whole probations: the answers before the promotion are drawn too, so that what is
held against the new version is as uncertain as it really is. Half a minute on one core.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the simulation is the tests' own

from tests.steps.watch.simulated import Outcome, probations, tolerated

from web4_agent.domain.probation import ProbationPolicy, Sign

POLICY = ProbationPolicy()
BEFORE, REQUESTS, RUNS, BAD_RUNS, LONGEST = 1_000, 1_000, 5_000, 400, 5_000


def outcome(usual: float, rate: float, runs: int, requests: int) -> Outcome:
    rng = np.random.default_rng(2026)
    expected = np.array([tolerated(usual, BEFORE, POLICY.margin, rng) for _ in range(runs)])
    return probations(rng, requests, rate, expected, POLICY)


def _requests(found: Outcome) -> str:
    return f"{found.mean:,.0f} | {found.p90:,.0f}" if found.alarmed else "- | -"


def main() -> None:
    print(f"Good versions: {RUNS:,} probations of {REQUESTS:,} requests, one sign, after {BEFORE:,} answers before.\n")
    print("| usual rate | rate since | false alarms | limit |\n|---|---|---|---|")
    for usual in (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2):
        found = outcome(usual, usual, RUNS, REQUESTS)
        print(f"| {usual:.1%} | {usual:.1%} | {found.alarmed:.2%} | {POLICY.alpha / len(Sign):.2%} |")
    rng = np.random.default_rng(2026)
    worst = probations(rng, REQUESTS, 0.02, np.full(20_000, 0.02), POLICY)
    print(f"| tolerated 2.0% | 2.0% | {worst.alarmed:.2%} | {POLICY.alpha / len(Sign):.2%} |")
    print(f"\nBad versions: {BAD_RUNS} probations of up to {LONGEST:,} requests.\n")
    print("| usual rate | rate since | alarmed | requests until the alarm, mean | 90 % within |\n|---|---|---|---|---|")
    for usual in (0.005, 0.01, 0.02, 0.05):
        for times in (2, 5, 10):
            rate = usual * times
            found = outcome(usual, rate, BAD_RUNS, LONGEST)
            print(f"| {usual:.1%} | {rate:.1%} (x{times}) | {found.alarmed:.0%} | {_requests(found)} |")
    found = outcome(0.01, 1.0, BAD_RUNS, 100)
    print(f"| 1.0% | 100.0% | {found.alarmed:.0%} | {found.mean:,.0f} | {found.p90:,.0f} |")


if __name__ == "__main__":
    main()
