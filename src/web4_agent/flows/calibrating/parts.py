"""What a calibration is made of, what is asked of it, and what one adapter of it leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from web4_agent.backends.engines.base import EngineLauncher
from web4_agent.backends.exporters.base import Exporter
from web4_agent.backends.trainers.base import Trainer
from web4_agent.domain.calibration import Audit, Calibration, GateIdentity
from web4_agent.domain.home import Home
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.samples import Sample, SampleSet
from web4_agent.domain.training import TrainPolicy
from web4_agent.domain.verdicts import Decision, GatePolicy, SampleAudit, Verdict
from web4_agent.steps.judging.calibration import gate_identity
from web4_agent.steps.judging.measure import GateItems, Measurement
from web4_agent.storage.database import Database

AGAIN = "web4-agent gate calibrate"


@dataclass(frozen=True, slots=True)
class CalibrationParts:
    """`draw` gives the samples of a night as it would be trained now; `audit` holds samples against their documents."""

    database: Database
    home: Home
    base: Path
    base_name: str
    trainer: Trainer
    exporter: Exporter
    launcher: EngineLauncher
    policy: TrainPolicy
    gate: GatePolicy
    items: GateItems
    draw: Callable[[], SampleSet]
    audit: Callable[[Sequence[Sample]], SampleAudit]
    now: Callable[[], datetime]
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None

    @property
    def identity(self) -> GateIdentity:
        return gate_identity(self.base_name, self.launcher.name, self.items, self.gate)


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """`nights` harmless ones; `damaged` names damages, each one adapter more; `trials` drawn nights a scenario.
    With `simulate_only` nothing is trained: the nights measured before are drawn from again."""

    nights: int = 4
    damaged: tuple[str, ...] = ()
    trials: int = 10_000
    simulate_only: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """One adapter after the gate. `before_the_gate` says why it never got there, and then the rest is empty."""

    name: str
    harmless: bool
    measurement: Measurement | None
    verdict: Verdict | None
    before_the_gate: str = ""

    @property
    def rejected(self) -> bool:
        return self.verdict is None or self.verdict.decision is not Decision.PROMOTE

    @property
    def rules(self) -> tuple[str, ...]:
        if self.verdict is None:
            return (self.before_the_gate,)
        return tuple(rule.rule for rule in self.verdict.rules if not rule.passed)


@dataclass(frozen=True, slots=True)
class GateStanding:
    """The gate as it stands: its rules' figures, its items by stratum, and what is known of its errors."""

    policy: GatePolicy
    canaries: int
    items: dict[str, int]
    critical: int
    calibration: Calibration | None
    audit: Audit | None
