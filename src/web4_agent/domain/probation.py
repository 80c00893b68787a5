"""Probation: how a newly promoted adapter does among people, and what lets it stay or go."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Flaw, Status


class Sign(StrEnum):
    """What is counted during probation; each is tested for itself."""

    ERROR = "error"
    EMPTY = "empty"
    LOOPING = "looping"
    FORMAT = "format"
    SLOW = "slow"
    THUMBS = "thumbs down"
    """Warns people and never rolls back: taste is no fault, and a thumb is given by few."""


class ProbationState(StrEnum):
    RUNNING = "running"
    ALARMED = "alarmed"
    """A sign fired; the rollback is due, or left to a person where the settings say so."""
    ROLLED_BACK = "rolled back"
    PASSED = "passed"
    LEFT = "left"
    """Another version serves, by the next promotion or by a person's command."""


@dataclass(frozen=True, slots=True)
class ProbationPolicy:
    """`hours` and `requests` must both have passed. Margins are shares: what a rate may grow by without an alarm.

    `alpha` is shared by all signs; no alarm comes from fewer than `minimum_events`. An answer is slow when it takes
    `slow_factor` times the time per token that 95 % of the answers before kept. Of a sign that was looked for in fewer
    than `minimum_rows` answers before, `assumed_rate` stands for what was usual, or the rate found where it is larger.
    `rolls_back` false: an alarm is told and nothing done.
    """

    hours: float = 24.0
    requests: int = 200
    alpha: float = 0.01
    margin: float = 0.01
    slow_margin: float = 0.05
    thumbs_margin: float = 0.15
    slow_factor: float = 1.5
    minimum_events: int = 5
    minimum_rows: int = 100
    assumed_rate: float = 0.05
    rolls_back: bool = True


@dataclass(frozen=True, slots=True)
class Answered:
    """What probation reads of a query. Times in milliseconds."""

    status: Status
    flaw: Flaw
    stream: bool
    latency_ms: float
    retrieval_ms: float
    first_token_ms: float
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Count:
    """`events` of `trials`."""

    events: int = 0
    trials: int = 0


Counts = dict[Sign, Count]


@dataclass(frozen=True, slots=True)
class SlowLimits:
    """Seconds per token from which an answer is slow, for streams and for answers in one piece; 0: not judged."""

    stream_s: float = 0.0
    whole_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was usual before. `expected` holds for each sign that is tested the largest rate that is no alarm.

    `assumed`: the signs of which too few answers say what was usual.
    """

    counts: Counts
    expected: dict[Sign, float]
    slow: SlowLimits
    assumed: tuple[Sign, ...] = ()


@dataclass(frozen=True, slots=True)
class Probation:
    """The ledger's row. `settled` counts the answers from `started_utc` until before `settled_utc`, for good."""

    adapter: AdapterVersion
    previous: AdapterVersion
    started_utc: datetime
    state: ProbationState
    baseline: Baseline
    settled_utc: datetime
    settled: Counts = field(default_factory=dict)
    warning: str = ""
    ended_utc: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sign as it stands: `evidence` against "no more than `expected`"; an alarm from `limit` on.

    `usual` is the rate before the promotion, `rate` the one since; both 0 where nothing was counted.
    """

    sign: Sign
    events: int
    trials: int
    usual: float
    expected: float
    evidence: float
    limit: float
    alarm: bool

    @property
    def rate(self) -> float:
        return self.events / self.trials if self.trials else 0.0

    @property
    def sentence(self) -> str:
        return (
            f"{self.sign}: {self.events} of {self.trials}, where no more than {self.expected:.1%} were tolerated "
            f"(evidence {self.evidence:.3g}, limit {self.limit:.0f})"
        )
