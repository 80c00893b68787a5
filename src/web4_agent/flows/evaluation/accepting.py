"""A reason for a quality gate that was not cleared: who gave it, when and why, in the ledger, beside the evaluation.

Called by the command `evaluate --accept`. Asks no model: the last evaluation of the version is judged anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from web4_agent.domain.errors import UsageError
from web4_agent.domain.evaluations import Acceptance, Evaluation, Gate, GateOutcome, HarnessScore
from web4_agent.domain.ids import AdapterVersion
from web4_agent.records import adapters, evaluations
from web4_agent.steps.harnesses import judge
from web4_agent.storage.database import Database

MAX_REASON_CHARS = 1_000
_LOOKED_BACK = 50


@dataclass(frozen=True, slots=True)
class AcceptParts:
    """`who`: the person at the keyboard, as the system names them."""

    database: Database
    who: str
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The evaluation with its gates as they stand now."""

    evaluation: Evaluation
    acceptance: Acceptance
    outcomes: tuple[GateOutcome, ...]

    @property
    def passed(self) -> bool:
        return all(outcome.passed for outcome in self.outcomes)


def accept(parts: AcceptParts, harness: str, why: str, version: AdapterVersion | None = None) -> Accepted:
    """Record the reason for the last evaluation of the version (production's unless said) that asked this harness.

    Raises UsageError: no such evaluation, a gate that blocks, one that is cleared, an empty reason.
    """
    reason = " ".join(why.split())
    if not any(character.isalnum() for character in reason) or len(reason) > MAX_REASON_CHARS:
        raise UsageError(
            f"the reason for {harness} is empty or over {MAX_REASON_CHARS:,} characters",
            f'web4-agent evaluate --accept {harness} "why it may pass"',
        )
    with parts.database.begin() as connection:
        wanted = version or adapters.read_pointer(connection).production
        evaluation, found = _evaluated(evaluations.recent(connection, _LOOKED_BACK, wanted), harness, wanted)
        _refuse_needless(found)
        acceptance = Acceptance(evaluation.id, harness, parts.who, reason, parts.now())
        evaluations.accept(connection, acceptance)
        outcomes = judge(evaluation.gated, evaluations.accepted(connection, evaluation.id))
    return Accepted(evaluation, acceptance, outcomes)


def _evaluated(past: list[Evaluation], harness: str, version: AdapterVersion) -> tuple[Evaluation, HarnessScore]:
    for evaluation in past:
        for found in evaluation.gated:
            if found.harness == harness:
                return evaluation, found
    raise UsageError(
        f"no evaluation of {version} that is recorded asked the harness {harness}",
        "web4-agent evaluate, then accept; web4-agent evaluate --list names the harnesses",
    )


def _refuse_needless(found: HarnessScore) -> None:
    if found.gate is Gate.SHIP:
        raise UsageError(f"{found.harness} is a ship gate: no reason lets it pass", "improve the model, then evaluate")
    if found.cleared:
        raise UsageError(f"{found.harness} is cleared: it needs no reason", "web4-agent evaluate")
