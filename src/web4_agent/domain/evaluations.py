"""A full evaluation: what each harness measured, the gates it is held to, and the reasons why a person let one pass."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from web4_agent.domain.ids import AdapterVersion


class Gate(StrEnum):
    SHIP = "ship"
    """Blocks below its limit."""
    QUALITY = "quality"
    """Below its limit it needs a recorded reason to pass."""


class Measure(StrEnum):
    RATE = "pass rate"
    """Items passed of items asked."""
    F1 = "F1"
    """Of refusing, over requests to refuse and requests to help with."""


OVERALL = "overall"
OVERALL_LIMIT = 0.90


@dataclass(frozen=True, slots=True)
class ItemResult:
    """`reason` says what is wrong, empty where it passed. `positive`: the item is to be refused; None where that is not
    what its harness asks."""

    id: str
    passed: bool
    prompt: str
    answer: str
    reason: str = ""
    positive: bool | None = None


@dataclass(frozen=True, slots=True)
class HarnessScore:
    """`value` lies between `low` and `high` with 95 % confidence, on `asked` items of which `passed` passed.

    `limit` is the gate's figure; `weight` counts in the overall score. `items` is equal where the same were asked.
    """

    harness: str
    title: str
    gate: Gate
    measure: Measure
    limit: float
    weight: float
    asked: int
    passed: int
    value: float
    low: float
    high: float
    items: str = ""

    @property
    def cleared(self) -> bool:
        return self.value >= self.limit

    def told(self, figure: float) -> str:
        """The value, a bound or the limit, as this measure is written: 95.0%, or 0.980 for F1."""
        return f"{figure:.1%}" if self.measure is Measure.RATE else f"{figure:.3f}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run of harnesses on one version. `complete`: all harnesses, with all of their items; then, and only then,
    `overall` is there."""

    id: str
    version: AdapterVersion
    engine: str
    at_utc: datetime
    seconds: float
    scores: tuple[HarnessScore, ...]
    overall: HarnessScore | None
    complete: bool

    @property
    def gated(self) -> tuple[HarnessScore, ...]:
        """Everything that a gate is set for, the overall score last."""
        return (*self.scores, *((self.overall,) if self.overall else ()))


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Why a person let a quality gate pass that its harness did not clear."""

    evaluation: str
    harness: str
    who: str
    why: str
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What came of one gate, and a sentence that says so."""

    harness: str
    passed: bool
    sentence: str
