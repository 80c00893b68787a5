"""What an evaluation is made of, what is asked of it, and what it reports."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from web4_agent.backends.engines.base import EngineLauncher
from web4_agent.domain.evaluations import Acceptance, Evaluation, GateOutcome, HarnessScore, ItemResult
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.steps.harnesses import Harness, Item, LookUp, judge
from web4_agent.storage.database import Database


@dataclass(frozen=True, slots=True)
class EvaluationParts:
    """`load` gives all harnesses. `looking_up` opens the day's look-up for the items of a harness that wants it, and
    raises SettingsError for one whose document is not there."""

    database: Database
    home: Home
    artefact: str
    launcher: EngineLauncher
    load: Callable[[], tuple[Harness, ...]]
    looking_up: Callable[[Sequence[Item]], AbstractContextManager[LookUp]]
    now: Callable[[], datetime]
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """`harnesses` by name, all where none is named; `version` in place of production; `limit` items of each harness for
    a quick look, which is never recorded."""

    harnesses: tuple[str, ...] = ()
    version: AdapterVersion | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """An evaluation of the ledger, and the reasons that were given for its gates."""

    evaluation: Evaluation
    acceptances: tuple[Acceptance, ...] = ()

    @property
    def passed(self) -> bool:
        return all(outcome.passed for outcome in judge(self.evaluation.gated, self.acceptances))

    def score_of(self, harness: str) -> HarnessScore | None:
        return next((one for one in self.evaluation.gated if one.harness == harness), None)


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """`results` by harness, in the order asked. `history`: evaluations before this one, newest first. `limit`: no more
    items than that were asked of a harness; None for all."""

    evaluation: Evaluation
    outcomes: tuple[GateOutcome, ...]
    results: tuple[tuple[str, tuple[ItemResult, ...]], ...]
    history: tuple[Past, ...]
    limit: int | None
    markdown: Path
    html: Path

    @property
    def passed(self) -> bool:
        return all(outcome.passed for outcome in self.outcomes)

    def before(self, harness: str) -> HarnessScore | None:
        """The score of the last recorded evaluation that asked this harness, of whatever version."""
        found = (past.score_of(harness) for past in self.history)
        return next((one for one in found if one is not None), None)

    @property
    def sentence(self) -> str:
        """The verdict, and what it can't say."""
        failed = [outcome.harness for outcome in self.outcomes if not outcome.passed]
        verdict = f"All {len(self.outcomes)} gates passed."
        if failed:
            verdict = f"{len(failed)} of {len(self.outcomes)} gates failed: {', '.join(failed)}."
        if self.limit is not None:
            return f"A quick look at {self.limit} items a harness, not an evaluation and not recorded. {verdict}"
        if not self.evaluation.complete:
            return f"Some harnesses, not a full evaluation. {verdict}"
        return verdict
