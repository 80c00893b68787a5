"""The gate: from what was measured of candidate, production and golden to promote, reject or void, with reasons.

Called by the night, once for each scale of the candidate, and by the calibration. Pure: no clock, no file, no engine.
Two groups of rules: the first asks whether the measurement can be trusted (else: void), the second whether the
candidate is good enough (else: reject). A figure that is missing or not finite never passes: no data is not a pass.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

from web4_agent.domain.verdicts import (
    Decision,
    GatePolicy,
    Margin,
    ModelScores,
    RuleOutcome,
    SampleAudit,
    Stratum,
    Verdict,
)
from web4_agent.steps.judging.canary_rules import canary_rules, counted
from web4_agent.steps.judging.case import SERVED_BYTES, TRAINERS_COPY, Case
from web4_agent.steps.judging.statistics import lower_bound, margin_unit
from web4_agent.steps.judging.trust import export_parity, finite, rescoring, same_items

__all__ = [
    "SERVED_BYTES",
    "TONIGHT",
    "TRAINERS_COPY",
    "changes_by_stratum",
    "first_passing",
    "judge",
    "margin_rules",
]

TONIGHT = "tonight"
"""The group of held-out texts on which a night has to gain."""
FEWEST_FIGURES = 2
"""Of a bounded rule; a night with fewer held-out texts can't be promoted."""
Changes = Mapping[Stratum, Sequence[float]]
"""How the items of each stratum changed, in τ."""


def judge(
    candidate: ModelScores,
    production: ModelScores,
    golden: ModelScores,
    policy: GatePolicy,
    *,
    candidate_hash: str,
    scale: float,
    scored_on: str,
    trained_parity: Mapping[str, float] | None,
    audit: SampleAudit,
) -> Verdict:
    """The verdict on one candidate. All rules are evaluated, so that the report shows every figure.

    `trained_parity` is the trainer's side of the export check, see `texts.parity_change`: candidate minus production of
    each entry of `parity`. It may be None only where the trainer's copy was scored in place of the served bytes.
    `audit` is of the samples the candidate was trained on.
    """
    case = Case(candidate, production, golden, policy, scored_on, trained_parity, audit)
    trust = tuple(rule(case) for rule in (finite, same_items, export_parity, rescoring))
    quality = tuple(outcome for rules in _QUALITY for outcome in rules(case))
    return Verdict(
        decision=_decide(trust, quality),
        candidate=candidate.version,
        candidate_hash=candidate_hash,
        production=production.version,
        golden=golden.version,
        scale=scale,
        rules=(*trust, *quality),
        scored_on=scored_on,
    )


def first_passing(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first that says promote: scales are judged in the order of the policy, the fullest night first."""
    return next((verdict for verdict in verdicts if verdict.decision is Decision.PROMOTE), None)


def _decide(trust: Sequence[RuleOutcome], quality: Sequence[RuleOutcome]) -> Decision:
    if not all(outcome.passed for outcome in trust):
        return Decision.VOID
    return Decision.PROMOTE if all(outcome.passed for outcome in quality) else Decision.REJECT


def _samples(case: Case) -> tuple[RuleOutcome, ...]:
    """A model that was taught wrong answers may score well for a night: what was taught is looked at itself."""
    wrong, checked, limit = len(case.audit.unsupported), case.audit.checked, case.policy.unsupported_share
    if not checked:
        said = "Samples true to their documents: none could be checked; no data is not a pass."
        return (RuleOutcome("samples", passed=False, measured=math.nan, limit=limit, sentence=said),)
    share = wrong / checked
    names = f": {', '.join(case.audit.unsupported[:3])}" if wrong else ""
    said = (
        f"Samples true to their documents: {wrong} of {checked} say what theirs does not{names}; "
        f"at most {limit:.0%} may."
    )
    return (RuleOutcome("samples", share <= limit, share, limit, said),)


def _canaries(case: Case) -> tuple[RuleOutcome, ...]:
    return canary_rules(case.candidate.canaries, case.production.canaries, case.golden.canaries, case.policy)


def margin_rules(production: Changes, golden: Changes, policy: GatePolicy) -> tuple[RuleOutcome, ...]:
    """The rules on margins alone, as `judge` has them. `production` and `golden`: candidate minus each, in τ."""
    outcomes = [
        _bounded("margins against production", _joined(production), policy.alpha_overall, policy.production_margin),
        _bounded("margins against golden", _joined(golden), policy.alpha_overall, policy.golden_margin),
    ]
    for stratum in Stratum:
        for name, changes, limit in (
            ("production", production, policy.stratum_production_margin),
            ("golden", golden, policy.stratum_golden_margin),
        ):
            values = changes.get(stratum, ())
            outcomes.append(_bounded(f"{stratum.value} against {name}", values, policy.alpha_stratum, limit))
    return tuple(outcomes)


def changes_by_stratum(candidate: Sequence[Margin], reference: Sequence[Margin], golden: Sequence[Margin]) -> Changes:
    """Candidate minus reference of each item, in units of τ, the spread under golden; empty where τ can't be known."""
    spread = _finite_values(margin.value for margin in golden)
    if len(spread) < 2:
        return {}
    unit = margin_unit(spread)
    before = {margin.item: margin.value for margin in reference}
    return {
        stratum: [
            (margin.value - before[margin.item]) / unit
            for margin in candidate
            if margin.stratum is stratum and margin.item in before
        ]
        for stratum in Stratum
    }


def _margins(case: Case) -> tuple[RuleOutcome, ...]:
    golden = case.golden.margins
    return margin_rules(
        changes_by_stratum(case.candidate.margins, case.production.margins, golden),
        changes_by_stratum(case.candidate.margins, golden, golden),
        case.policy,
    )


def _joined(changes: Changes) -> list[float]:
    return [value for stratum in Stratum for value in changes.get(stratum, ())]


def _bounded(rule: str, values: Sequence[float], alpha: float, limit: float, unit: str = "τ") -> RuleOutcome:
    """The lower bound of the mean of the values must not lie below the limit."""
    if len(values) < FEWEST_FIGURES or not all(map(math.isfinite, values)):
        usable = len(_finite_values(values))
        said = f"{rule.capitalize()}: {usable} usable figures, {FEWEST_FIGURES} are needed; no data is not a pass."
        return RuleOutcome(rule, passed=False, measured=math.nan, limit=limit, sentence=said)
    bound = lower_bound(values, alpha)
    passed = bound >= limit
    said = (
        f"{rule.capitalize()}: mean change {fmean(values):+.3f} {unit} over {len(values)}, lower {1 - alpha:.0%} bound "
        f"{bound:+.3f}, {'not below' if passed else 'below'} the limit {limit:+.2f}."
    )
    return RuleOutcome(rule, passed, bound, limit, said)


def _critical_families(case: Case) -> tuple[RuleOutcome, ...]:
    """A family fails when two or more of its wordings, answered rightly by production, or by golden, now are not."""
    now = {margin.item: margin.value for margin in case.candidate.margins if margin.critical}
    families = {margin.family for margin in case.candidate.margins if margin.critical}
    failed = {family for side in (case.production, case.golden) for family in flipped_families(side.margins, now)}
    return (counted("critical families, failing", sorted(failed), 0, len(families)),)


def flipped_families(before: Sequence[Margin], now: Mapping[str, float]) -> set[str]:
    flips = Counter(margin.family for margin in before if margin.value > 0 and now.get(margin.item, 0.0) < 0)
    return {family for family, count in flips.items() if count >= 2}


def _gain(case: Case) -> tuple[RuleOutcome, ...]:
    """Fewer bits per byte on tonight's held-out texts, with nine tenths certainty."""
    before = {item: bits for item, group, bits in case.production.held_out_bpb if group == TONIGHT}
    gains = [
        before[item] - bits for item, group, bits in case.candidate.held_out_bpb if group == TONIGHT and item in before
    ]
    outcome = _bounded("gain on tonight's held-out texts", gains, case.policy.alpha_gain, 0.0, "bits per byte")
    if outcome.passed and outcome.measured <= 0.0:
        said = outcome.sentence.replace("not below the limit +0.00", "not above 0: nothing was learned")
        return (RuleOutcome(outcome.rule, passed=False, measured=outcome.measured, limit=0.0, sentence=said),)
    return (outcome,)


def _drift(case: Case) -> tuple[RuleOutcome, ...]:
    measured, limit = case.candidate.neutral_kl, case.policy.kl_limit
    said = f"Drift from golden on neutral prompts: KL {measured:.3f} nat a token (limit {limit:g})."
    return (RuleOutcome("drift from golden", measured <= limit, measured, limit, said),)


_QUALITY: tuple[Callable[[Case], tuple[RuleOutcome, ...]], ...] = (
    _samples,
    _canaries,
    _margins,
    _critical_families,
    _gain,
    _drift,
)


def _finite_values(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
