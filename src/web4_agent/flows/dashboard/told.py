"""What a night's steps left in the ledger, as far as the pages show it.

The night writes these as its own values; here they are read by name, so that what an older version left out or a newer
one adds is no error. Called by the pages of nights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from web4_agent.domain.thumbs import ThumbsTold
from web4_agent.domain.verdicts import Decision, RuleOutcome, Verdict

TONIGHT, OTHER_DAYS, GENERAL = "tonight", "other days", "general"
GAIN_RULE, PASSING_RULE = "gain", "canaries, passing"
"""How the names of these two rules of the gate begin."""


@dataclass(frozen=True, slots=True)
class LearnedTold:
    """Bits per byte on one group of held-out texts, before the night and after it."""

    group: str
    items: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class CanaryTold:
    """One canary side by side; `answer_before` is empty for nights that did not keep it."""

    id: str
    topic: str
    before: bool
    after: bool
    answer: str
    answer_before: str = ""
    held_before: int = 0
    held_after: int = 0
    wordings: int = 1
    lost: bool | None = None
    """None where the night did not tell: then what passed before and does not after."""

    @property
    def newly_failing(self) -> bool:
        return self.before and not self.after if self.lost is None else self.lost


@dataclass(frozen=True, slots=True)
class StepTold:
    name: str
    seconds: float
    peak_rss_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ReportTold:
    """The report that ends a night."""

    sentence: str
    documents: int
    samples: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    loss_tokens: int = 0
    steps: int = 0
    first_loss: float = 0.0
    last_loss: float = 0.0
    learned: tuple[LearnedTold, ...] = ()
    canaries: tuple[CanaryTold, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    times: tuple[StepTold, ...] = ()
    notes: tuple[str, ...] = ()
    error_rates: str = ""
    thumbs: ThumbsTold = field(default_factory=ThumbsTold)

    def of_group(self, group: str) -> LearnedTold | None:
        return next((one for one in self.learned if one.group == group and math.isfinite(one.after)), None)

    @property
    def verdict(self) -> Verdict | None:
        """The one that decided: the last scale that was judged."""
        return self.verdicts[-1] if self.verdicts else None


@dataclass(frozen=True, slots=True)
class CollectedTold:
    documents: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PreparedTold:
    samples: dict[str, int] = field(default_factory=dict)
    estimated_tokens: int = 0


def failed_rules(verdict: Verdict) -> Sequence[RuleOutcome]:
    return [rule for rule in verdict.rules if not rule.passed]


def reasons_of(verdict: Verdict) -> tuple[str, ...]:
    """Why it was decided so: the rules that failed; of a promotion, what was gained and which canaries pass."""
    if verdict.decision is not Decision.PROMOTE:
        return verdict.reasons
    telling = [
        rule.sentence for name in (GAIN_RULE, PASSING_RULE) for rule in verdict.rules if rule.rule.startswith(name)
    ]
    return tuple(telling) or verdict.reasons[:1]
