"""The gate's first rules: can the measurement be trusted? One that fails voids the verdict, whatever the others say.

Called by `gate`. Pure.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from web4_agent.domain.verdicts import ModelScores, RuleOutcome
from web4_agent.steps.judging.case import TRAINERS_COPY, Case

PARITY_SLOPE_TOLERANCE = 0.25
"""Five standard errors of the slope over 250 tokens where the change is just above the noise of a 4-bit base."""
PARITY_SHARE = 0.2
"""Of the trained change: the noise grows with a large one. A missed permutation is off by 0.27 of it, a sound export of
a change of 0.9 nat by 0.13."""


def finite(case: Case) -> RuleOutcome:
    broken = [
        f"{scores.version} {name}"
        for scores in (case.candidate, case.production, case.golden)
        for name, value in _figures(scores)
        if not math.isfinite(value)
    ]
    if not all(math.isfinite(value) for value in (case.trained_parity or {}).values()):
        broken.append("trainer's parity")
    said = f"{len(broken)} figures are not finite: {', '.join(broken[:3])}." if broken else "Every figure is finite."
    return RuleOutcome("finite figures", not broken, float(len(broken)), 0.0, said)


def same_items(case: Case) -> RuleOutcome:
    """Paired figures need pairs: equal items, each once. Golden needs no held-out texts."""
    sides = (case.candidate, case.production, case.golden)
    wrong = [
        name
        for name, lists in (
            ("canaries", [[f"{one.id} {len(one.each)}" for one in side.canaries] for side in sides]),
            ("margins", [[margin.item for margin in side.margins] for side in sides]),
            ("held-out texts", [[item for item, _, _ in side.held_out_bpb] for side in sides[:2]]),
        )
        if any(sorted(ids) != sorted(set(lists[0])) for ids in lists)
    ]
    said = f"{' and '.join(wrong)} differ between the models." if wrong else "All models were asked the same items."
    return RuleOutcome("same items", not wrong, float(len(wrong)), 0.0, said.capitalize())


def export_parity(case: Case) -> RuleOutcome:
    """The served adapter must change each token of the fixed texts as the trainer's adapter does.

    Changes are compared, not values, and token by token, not in the mean, in which a fault cancels out. The noise of a
    4-bit base is 0.10 to 0.12 nat (root mean square) however strong the adapter; against it, measured on the default
    model, stand, for a change of 0.9 nat: rows of q and k not permuted 0.24, no adapter 0.9, a doubled one 1.4. A fault
    of an adapter too weak to rise above the noise is not seen here, and weighs as little in the scores.
    """
    limit = case.policy.parity_limit
    if case.scored_on == TRAINERS_COPY:
        said = "The engine can't score, so the trainer's copy was scored: the exported file was not checked."
        return RuleOutcome("export parity", passed=True, measured=0.0, limit=limit, sentence=said)
    pairs = _parity_changes(case)
    if not pairs:
        said = "Export parity was not measured on equal tokens: no data is not a pass."
        return RuleOutcome("export parity", passed=False, measured=math.nan, limit=limit, sentence=said)
    measured = _root_mean_square([served - trained for served, trained in pairs])
    changed = _root_mean_square([trained for _, trained in pairs])
    slope = _slope(pairs) if changed >= limit else 1.0
    limit = max(limit, PARITY_SHARE * changed)
    passed = measured <= limit and abs(slope - 1.0) <= PARITY_SLOPE_TOLERANCE
    said = (
        f"On {len(pairs)} tokens of fixed text the served adapter's change is {slope:.2f} times the trainer's (1 ± "
        f"{PARITY_SLOPE_TOLERANCE:g}) and {measured:.3f} nat off (limit {limit:.3g}): "
        f"{'the export is sound' if passed else 'export fault'}."
    )
    return RuleOutcome("export parity", passed, measured, limit, said)


def rescoring(case: Case) -> RuleOutcome:
    first = {margin.item: margin.value for margin in case.production.margins}
    limit = case.policy.rescore_limit
    pairs = [(value, first[item]) for item, value in case.production.rescored if item in first]
    if not pairs or len(pairs) != len(case.production.rescored):
        said = "Production was not scored a second time: no data is not a pass."
        return RuleOutcome("rescoring", passed=False, measured=math.nan, limit=limit, sentence=said)
    measured = max(abs(again - before) for again, before in pairs)
    said = (
        f"Scoring production again moved {len(pairs)} margins by at most {measured:.2g} nat a token (limit {limit:g})."
    )
    return RuleOutcome("rescoring", measured <= limit, measured, limit, said)


def _parity_changes(case: Case) -> list[tuple[float, float]]:
    """(served, trained) change of each token from production to candidate; none unless both sides saw equal tokens."""
    trained, served = case.trained_parity or {}, dict(case.candidate.parity)
    before = dict(case.production.parity)
    if not trained or not trained.keys() == served.keys() == before.keys():
        return []
    return [(served[entry] - before[entry], change) for entry, change in trained.items()]


def _slope(pairs: Sequence[tuple[float, float]]) -> float:
    """Least squares through the origin: how much of the trained change is served."""
    return sum(served * trained for served, trained in pairs) / sum(trained**2 for _, trained in pairs)


def _root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(fmean(value**2 for value in values))


def _figures(scores: ModelScores) -> list[tuple[str, float]]:
    return [
        *((f"margin {margin.item}", margin.value) for margin in scores.margins),
        *((f"held-out {item}", bits) for item, _, bits in scores.held_out_bpb),
        *((f"parity {entry}", value) for entry, value in scores.parity),
        *((f"rescored {item}", value) for item, value in scores.rescored),
        ("neutral KL", scores.neutral_kl),
    ]
