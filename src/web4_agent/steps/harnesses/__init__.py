"""The harnesses of the full evaluation: nine data sets, each with a rule over answers and a gate.

    load_harnesses -> chosen -> run_items (a harness) -> score -> overall -> judge

Called by bootstrap, which loads them, and by the evaluation. Knows no ledger, no settings and no clock.
"""

from web4_agent.steps.harnesses.ask import LookUp, look_nothing_up, run_items
from web4_agent.steps.harnesses.catalogue import NAMES, chosen, digest, load_harnesses
from web4_agent.steps.harnesses.gates import judge, overall, score
from web4_agent.steps.harnesses.harness import Given, Harness, Item

__all__ = [
    "NAMES",
    "Given",
    "Harness",
    "Item",
    "LookUp",
    "chosen",
    "digest",
    "judge",
    "load_harnesses",
    "look_nothing_up",
    "overall",
    "run_items",
    "score",
]
