"""The morning's challenging queries: yesterday's model and today's answer each, rules score, pairs are compared.

Called by the morning validation. Challenges are tasks as canaries are, but harder, and scored by the share of checks an
answer holds, so that half an answer counts half. `compare` is pure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

from web4_agent.backends.engines.base import Engine
from web4_agent.domain.errors import UsageError
from web4_agent.domain.verdicts import Canary
from web4_agent.steps.judging.canaries import answer_task, read_tasks
from web4_agent.steps.judging.scorers import failures
from web4_agent.steps.judging.statistics import MeanInterval, mean_interval
from web4_agent.steps.judging.tables import refuse_duplicates, shipped

IMPROVEMENT_RATE = 0.80
"""The specification's figure for the morning."""
SIGN_ALPHA = 0.05
DIFFERENCE_ALPHA = 0.025
"""Beyond each end: an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class ChallengeResult:
    """`score` is the share of checks that the answer holds, 0 to 1."""

    id: str
    topic: str
    prompt: str
    answer: str
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class MorningComparison:
    """Pairs in the order asked: (yesterday, today).

    `rate` is the share of queries held or improved: today's score is not below yesterday's. `p_worse` is the one-sided
    sign test over the pairs that differ: how likely so many losses are if both models are equally good. `difference`
    is today's score minus yesterday's, over the pairs: told, not decided by; None with fewer than two pairs.
    """

    pairs: tuple[tuple[ChallengeResult, ChallengeResult], ...]
    wins: int
    losses: int
    ties: int
    rate: float
    mean_yesterday: float
    mean_today: float
    difference: MeanInterval | None
    p_worse: float
    passed: bool
    sentence: str


def load_challenges(own: Path | None = None) -> tuple[Canary, ...]:
    """The shipped challenges, and behind them the team's. Raises SettingsError as `load_canaries`."""
    challenges = read_tasks(shipped("challenges.toml"), "challenge")
    if own is not None:
        challenges += read_tasks(own, "challenge")
    refuse_duplicates(challenges, lambda challenge: challenge.id, str(own or shipped("challenges.toml")))
    return challenges


def run_challenges(
    engine: Engine, challenges: Sequence[Canary], done: Callable[[int], None] = lambda _count: None
) -> tuple[ChallengeResult, ...]:
    """Ask each, greedily, in order. `done` is told how many are finished."""
    results: list[ChallengeResult] = []
    for challenge in challenges:
        results.append(score_challenge(challenge, answer_task(engine, challenge)))
        done(len(results))
    return tuple(results)


def score_challenge(challenge: Canary, answer: str) -> ChallengeResult:
    complaints = failures(answer, challenge.checks)
    return ChallengeResult(
        id=challenge.id,
        topic=challenge.topic,
        prompt=challenge.prompt,
        answer=answer,
        score=1.0 - len(complaints) / len(challenge.checks),
        reason="; ".join(complaints) or "holds every check",
    )


def compare(yesterday: Sequence[ChallengeResult], today: Sequence[ChallengeResult]) -> MorningComparison:
    """Passes when the rate reaches 80 % and losses do not outnumber wins beyond chance; with no query, never.

    Raises UsageError when the two sides did not answer the same queries.
    """
    if [result.id for result in yesterday] != [result.id for result in today]:
        raise UsageError("yesterday's and today's model answered different queries", "web4-agent morning")
    pairs = tuple(zip(yesterday, today, strict=True))
    wins = sum(after.score > before.score for before, after in pairs)
    losses = sum(after.score < before.score for before, after in pairs)
    rate = 1.0 - losses / len(pairs) if pairs else 0.0
    p_worse = sign_test(losses, wins)
    passed = bool(pairs) and rate >= IMPROVEMENT_RATE and p_worse >= SIGN_ALPHA
    return MorningComparison(
        pairs=pairs,
        wins=wins,
        losses=losses,
        ties=len(pairs) - wins - losses,
        rate=rate,
        mean_yesterday=_mean(yesterday),
        mean_today=_mean(today),
        difference=_difference(pairs),
        p_worse=p_worse,
        passed=passed,
        sentence=_sentence(len(pairs), wins, losses, rate, p_worse),
    )


def sign_test(losses: int, wins: int) -> float:
    """Probability of at least so many losses among the pairs that differ, were each as likely a win (binomial, 1/2)."""
    differing = losses + wins
    return sum(comb(differing, count) for count in range(losses, differing + 1)) / float(2**differing)


def by_change(
    pairs: Sequence[tuple[ChallengeResult, ChallengeResult]],
) -> tuple[tuple[ChallengeResult, ChallengeResult], ...]:
    """What a reader wants to see first: losses, the largest first; then gains, the largest first; then what scores as
    before in other words; and last what did not change at all."""

    def place(pair: tuple[ChallengeResult, ChallengeResult]) -> tuple[int, float]:
        before, after = pair
        change = after.score - before.score
        if change:
            return (0 if change < 0 else 1), -abs(change)
        return (3 if same_answer(pair) else 2), 0.0

    return tuple(sorted(pairs, key=place))


def same_answer(pair: tuple[ChallengeResult, ChallengeResult]) -> bool:
    before, after = pair
    return before.answer == after.answer


def _difference(pairs: Sequence[tuple[ChallengeResult, ChallengeResult]]) -> MeanInterval | None:
    """Student's interval. On 24 pairs of which most are equal, simulated over 4,000 mornings, it holds the true
    difference in 92 to 96 of 100 where a fifth of the pairs or more differ; the percentile bootstrap in 89 to 94."""
    if len(pairs) < 2:
        return None
    return mean_interval([after.score - before.score for before, after in pairs], DIFFERENCE_ALPHA)


def _mean(results: Sequence[ChallengeResult]) -> float:
    return sum(result.score for result in results) / len(results) if results else 0.0


def _sentence(asked: int, wins: int, losses: int, rate: float, p_worse: float) -> str:
    if not asked:
        return "No challenging query was asked: no data is not a pass."
    return (
        f"Of {asked} queries {wins} improved, {losses} got worse and {asked - wins - losses} held: {rate:.0%} held or "
        f"improved (at least {IMPROVEMENT_RATE:.0%}); chance of so many losses {p_worse:.2f}."
    )
