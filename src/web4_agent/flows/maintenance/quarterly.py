"""What the quarter's tasks find. As `weekly`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from web4_agent.domain.evaluations import Gate, GateOutcome, HarnessScore
from web4_agent.domain.maintenance import Outcome, Todo

OLD_KEY = timedelta(days=365)
MANY_NIGHTS = 60
"""A lineage so long has forgotten documents' traces and rounding in it that one training from base would not have."""
AGAIN = "web4-agent rollback base"
DRIFT_SHARE = 0.5
"""Of the gate's limit on drift from golden: past half of it there is less room each night."""


class Key(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def created_utc(self) -> datetime: ...
    @property
    def revoked_utc(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Lineage:
    """How far production is from base. `drift` and `limit` in nats a token, of the verdict that let it serve; None
    where there is none."""

    production: str
    golden: str
    golden_utc: datetime
    nights: int
    drift: float | None = None
    limit: float | None = None

    @property
    def far(self) -> bool:
        drifted = self.drift is not None and self.limit is not None and self.drift > DRIFT_SHARE * self.limit
        return self.nights >= MANY_NIGHTS or drifted


def key_review(keys: Sequence[Key], now: datetime) -> Outcome:
    active = [one for one in keys if one.revoked_utc is None]
    if not active:
        return Outcome("no API key is valid: the gateway answers this machine alone")
    old = [one.name for one in active if now - one.created_utc > OLD_KEY]
    todo = [Todo(f"revoke the keys that nobody uses any more, of {len(active)}", "web4-agent keys list")]
    if old:
        todo.insert(0, Todo(f"keys older than a year, to be replaced: {', '.join(old)}", "web4-agent keys revoke NAME"))
    return Outcome(f"{len(active)} valid API keys, {len(old)} older than a year", tuple(todo), amiss=bool(old))


def rebuild_from_base(lineage: Lineage) -> Outcome:
    """Suggested when the lineage is long or has used up half of the drift that the gate allows; never done unasked."""
    drift = (
        "" if lineage.drift is None else f", drift from golden {lineage.drift:.3f} of {lineage.limit:.3f} nat a token"
    )
    found = f"{lineage.production}: nights from base: {lineage.nights}{drift}"
    if not lineage.far:
        return Outcome(f"{found}; no rebuild is called for")
    todo = (
        Todo("teach the base model the journal anew: it serves until a night is through", f"{AGAIN} --retrain"),
        Todo("then, or tonight by the timetable", "web4-agent evening"),
    )
    return Outcome(f"{found}; a rebuild would shorten it", todo, amiss=True)


def golden_review(lineage: Lineage, audit: str) -> Outcome:
    """A person's: what no night may fall below is nobody else's to decide."""
    todo = (
        Todo("read how the gate stands, and whether golden is still the floor you want", "web4-agent gate show"),
        Todo("if a later version shall be the floor", 'web4-agent gate golden VERSION --why "…"'),
    )
    since = f"golden is {lineage.golden} since {lineage.golden_utc:%Y-%m-%d}, production {lineage.production}"
    return Outcome(f"{since}. {audit}", todo)


def full_evaluation(
    sentence: str, scores: Sequence[HarnessScore], outcomes: Sequence[GateOutcome], answers: str
) -> Outcome:
    """`scores` and `outcomes` in the same order; `answers` is where the report lies. Ship gates are one thing to do, a
    quality gate is one each: it may pass for a reason."""
    failed = [(score, outcome) for score, outcome in zip(scores, outcomes, strict=True) if not outcome.passed]
    blocked = [outcome.harness for score, outcome in failed if score.gate is Gate.SHIP]
    todo = [
        Todo(f"{outcome.harness}: {outcome.sentence}", f'web4-agent evaluate --accept {outcome.harness} "why"')
        for score, outcome in failed
        if score.gate is Gate.QUALITY
    ]
    if blocked:
        told = f"ship gates failed: {', '.join(blocked)}; read the answers, and go back if a version before did better"
        todo.insert(0, Todo(told, "web4-agent adapters"))
    return Outcome(f"{sentence} {answers}".strip(), tuple(todo), amiss=bool(failed))


def gate_calibration(sentence: str, advice: Sequence[str]) -> Outcome:
    todo = tuple(Todo(line, "web4-agent gate show") for line in advice)
    return Outcome(sentence, todo, amiss=bool(advice))
