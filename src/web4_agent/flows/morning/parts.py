"""What the morning is made of, and what it reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from web4_agent.backends.engines.base import EngineLauncher, ScoreRequest
from web4_agent.domain.home import Home
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.speech import TextScore
from web4_agent.domain.thumbs import ThumbsMorning
from web4_agent.domain.verdicts import Canary, GatePolicy
from web4_agent.steps.judging.challenges import MorningComparison
from web4_agent.steps.judging.margin_changes import MarginComparison
from web4_agent.steps.judging.measure import GateItems
from web4_agent.steps.proportions import Share
from web4_agent.storage.database import Database

CopyScores = Callable[[Path | None, Sequence[ScoreRequest]], list[TextScore]]
"""The trainer's likelihoods of texts with the adapter of a folder; None: with the base model."""


@dataclass(frozen=True, slots=True)
class MorningParts:
    """`items` are the gate's, of which the margins are asked. `copy_scores` stands in for an engine that can't score.
    `notes` are lines that others have to say this morning, shown under the sentence."""

    database: Database
    home: Home
    artefact: str
    launcher: EngineLauncher
    challenges: tuple[Canary, ...]
    now: Callable[[], datetime]
    items: GateItems
    gate: GatePolicy
    copy_scores: CopyScores | None = None
    notes: Callable[[], tuple[str, ...]] = lambda: ()
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None
    thumbs: Callable[[AdapterVersion, AdapterVersion], ThumbsMorning] = lambda yesterday, today: ThumbsMorning(0, 0, 0)


@dataclass(frozen=True, slots=True)
class MorningReport:
    """`changed_utc` is when today's model began to serve. `held` is the share of queries held or improved, with its
    interval. `margins` is None where they were left out, and then `passed` is of the answers alone. `scored_on` says
    what the margins were measured on."""

    yesterday: AdapterVersion
    today: AdapterVersion
    changed_utc: datetime
    at_utc: datetime
    engine: str
    comparison: MorningComparison
    held: Share
    margins: MarginComparison | None
    scored_on: str
    notes: tuple[str, ...]
    passed: bool
    seconds: float
    markdown: Path
    html: Path
    thumbs: ThumbsMorning
