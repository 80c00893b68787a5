"""The gate's rules on canaries: how many newly fail, how many pass, and none of the critical ones lost.

Called by `gate` for a verdict and by the calibration for drawn nights. Pure.
"""

from collections.abc import Sequence
from fractions import Fraction

from web4_agent.domain.verdicts import CanaryResult, GatePolicy, RuleOutcome

Canaries = Sequence[CanaryResult]


def canary_rules(
    candidate: Canaries, production: Canaries, golden: Canaries, policy: GatePolicy
) -> tuple[RuleOutcome, ...]:
    """Few may newly fail, and never so many that production or golden is left further behind: a greedy answer may flip
    for no reason, so a canary is lost with half of its wordings only, one that passes in some of them counts in part,
    and a model that passes fewer than the minimum is held to what both pass, less the few. Critical ones are held
    against golden, too: so no wording of theirs after another goes unseen, night by night."""
    passing = [sum(map(_part, side), Fraction(0)) for side in (candidate, production, golden)]
    total = len(candidate)
    least = Fraction(policy.canary_minimum)
    if passing[1] < least:
        least = min(least, max(Fraction(0), max(passing[1:]) - policy.canary_new_failures))
    silent = _silent(candidate) and not _silent(production)
    lost = _lost(candidate, production)
    critical = {result.id for result in candidate if result.critical}
    passed = {result.id for side in (candidate, production) for result in side if result.passed}
    failing = sorted(critical - passed)
    return (
        counted("canaries, newly failing", sorted(lost), policy.canary_new_failures, total),
        RuleOutcome(
            "canaries, passing",
            total > 0 and passing[0] >= least and not silent,
            float(passing[0]),
            float(least),
            f"{_told(passing[0])} of {total} canaries pass; at least {_told(least)} must (production passes "
            f"{_told(passing[1])}, golden {_told(passing[2])}).{' It answered none with a word.' if silent else ''}",
        ),
        counted(
            "critical canaries",
            sorted(critical & (lost | _lost(candidate, golden))),
            0,
            total,
            f" Production fails these already: {', '.join(failing)}." if failing else "",
        ),
    )


def counted(rule: str, failed: Sequence[str], limit: int, total: int, more: str = "") -> RuleOutcome:
    """At most `limit` of `total` may be in `failed`, and there must be some."""
    names = f": {', '.join(failed)}" if failed else ""
    said = f"{rule.capitalize()}: {len(failed)} of {total}, at most {limit} may{names}.{more}"
    if not total:
        said = f"{rule.capitalize()}: none was asked; no data is not a pass."
    return RuleOutcome(rule, total > 0 and len(failed) <= limit, float(len(failed)), float(limit), said)


def _part(result: CanaryResult) -> Fraction:
    """Of the canary's wordings, that which passes: 0 to 1."""
    return Fraction(sum(wording.passed for wording in result.each), len(result.each))


def _told(canaries: Fraction) -> str:
    return f"{float(canaries):.3g}"


def _lost(now: Canaries, before: Canaries) -> set[str]:
    old = {result.id: result for result in before}
    return {result.id for result in now if result.id in old and result.lost(old[result.id])}


def _silent(canaries: Canaries) -> bool:
    return not any(result.spoken for result in canaries)
