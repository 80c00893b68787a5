"""Real questions answered by production and by the candidate, pair by pair, before the candidate is let in.

Called by the night. Pure; knows neither engine nor query log. No rule needs a right answer: only flaws are compared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from web4_agent.domain.queries import Flaw
from web4_agent.domain.verdicts import RuleOutcome
from web4_agent.steps.watch.flaws import flaw_of, is_json

RULE = "shadow replay"
BLOW_UP = 4
"""An answer that ran into its limit is blown up when the other stopped at a quarter of it."""
FAST_S = 0.001
"""A candidate that takes no longer for a token is fast, whatever production takes."""


@dataclass(frozen=True, slots=True)
class ReplayPolicy:
    """How many questions are asked of both, the longest answer in tokens, and when the candidate fails.

    `alpha` is shared by the two paired tests (flaws, length). `breakdown`: from so many questions on, a candidate all
    of whose answers are flawed where none of production's is, fails. `errors`: so many that production answers.
    `slow_factor`: of the median seconds per token; wide, because the two are timed one after the other. Before it
    fails a candidate both are timed `timed_again` times more.
    """

    prompts: int = 20
    max_tokens: int = 192
    alpha: float = 0.01
    breakdown: int = 3
    errors: int = 2
    slow_factor: float = 3.0
    timed_again: int = 2


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. `failed`: the engine refused or failed on this question, and text says nothing."""

    text: str
    finish: str
    tokens: int
    seconds: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One question's two answers, without their words. `slower`: the candidate's time per token over production's; 0
    where it was not measured."""

    response: str
    before: Flaw
    after: Flaw
    blown_before: bool
    blown_after: bool
    slower: float


def pair(response: str, before: Said, after: Said) -> Pair:
    return Pair(
        response,
        _flaw(before, after),
        _flaw(after, before),
        _blown_up(before, after),
        _blown_up(after, before),
        _slower(before, after),
    )


def judge(pairs: Sequence[Pair], policy: ReplayPolicy) -> RuleOutcome:
    """One rule for the verdict; its sentence says what the pairs showed, or why it failed."""
    worse = sum(1 for one in pairs if one.after is not Flaw.NONE and one.before is Flaw.NONE)
    better = sum(1 for one in pairs if one.before is not Flaw.NONE and one.after is Flaw.NONE)
    reasons = [*_flaw_reasons(pairs, worse, better, policy), *_other_reasons(pairs, policy)]
    if reasons:
        sentence = f"Shadow replay: {'; '.join(reasons)}."
        return RuleOutcome(RULE, passed=False, measured=float(worse), limit=float(better), sentence=sentence)
    sentence = (
        f"Shadow replay of {len(pairs)} real questions: {worse} answers flawed that were not before, "
        f"{better} no longer; no more than chance explains."
    )
    return RuleOutcome(RULE, passed=True, measured=float(worse), limit=float(better), sentence=sentence)


def slowness(pairs: Sequence[Pair], policy: ReplayPolicy) -> float:
    """The median of the candidate's time per token over production's; 0 where it is within `slow_factor`, or too few
    were timed."""
    times = [one.slower for one in pairs if one.slower]
    slow = median(times) if len(times) >= policy.breakdown else 0.0
    return slow if slow > policy.slow_factor else 0.0


def timed_at_best(said: Sequence[Said], again: Sequence[Said]) -> list[Said]:
    """The same answers with the shorter of two times a token: other work on a machine only ever adds to it."""
    return [_at_best(one, other) for one, other in zip(said, again, strict=True)]


def sign_test(worse: int, better: int) -> float:
    """The chance of `worse` heads or more in `worse + better` throws of a coin: McNemar's test, exact, one-sided."""
    total = worse + better
    return float(sum(math.comb(total, heads) for heads in range(worse, total + 1)) / 2**total)


def _flaw_reasons(pairs: Sequence[Pair], worse: int, better: int, policy: ReplayPolicy) -> list[str]:
    reasons = []
    names = ", ".join(
        f"{count} {flaw.value}"
        for flaw in Flaw
        if flaw is not Flaw.NONE and (count := sum(1 for one in pairs if one.after is flaw and one.before is Flaw.NONE))
    )
    chance = sign_test(worse, better)
    if chance <= policy.alpha / 2:
        reasons.append(
            f"{worse} of {len(pairs)} answers are flawed that were not before ({names}), {better} no longer "
            f"(chance {chance:.2g})"
        )
    elif len(pairs) >= policy.breakdown and worse == len(pairs):
        reasons.append(f"every one of {len(pairs)} answers is flawed ({names}), none was before")
    errors = sum(1 for one in pairs if one.after is Flaw.ERROR and one.before is not Flaw.ERROR)
    if errors >= policy.errors:
        reasons.append(f"the engine fails on {errors} of {len(pairs)} questions that production answers")
    return reasons


def _other_reasons(pairs: Sequence[Pair], policy: ReplayPolicy) -> list[str]:
    reasons = []
    longer, shorter = sum(one.blown_after for one in pairs), sum(one.blown_before for one in pairs)
    chance = sign_test(longer, shorter)
    if chance <= policy.alpha / 2:
        reasons.append(
            f"{longer} of {len(pairs)} answers do not come to an end that did before, {shorter} now do "
            f"(chance {chance:.2g})"
        )
    if slow := slowness(pairs, policy):
        reasons.append(f"a token takes {slow:.1f} times as long, {policy.slow_factor:g} is the limit")
    return reasons


def _flaw(said: Said, other: Said) -> Flaw:
    """JSON where the other answered with JSON: nobody says so in the log, but the question seems to want it."""
    if said.failed:
        return Flaw.ERROR
    return flaw_of(said.text, said.finish, wants_json=not other.failed and is_json(other.text))


def _blown_up(said: Said, other: Said) -> bool:
    if said.failed or other.failed:
        return False
    return said.finish == "length" and other.finish != "length" and said.tokens >= BLOW_UP * max(other.tokens, 1)


def _slower(before: Said, after: Said) -> float:
    if before.failed or after.failed or not before.tokens or not after.tokens or before.seconds <= 0:
        return 0.0
    a_token = after.seconds / after.tokens
    slower = a_token / (before.seconds / before.tokens)
    return min(slower, 1.0) if a_token <= FAST_S else slower


def _at_best(said: Said, again: Said) -> Said:
    if said.failed or again.failed or not said.tokens or not again.tokens:
        return said
    return replace(said, seconds=min(said.seconds, again.seconds * said.tokens / again.tokens))
