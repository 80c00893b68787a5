"""A whole home over fakes: scripted engine, trainer and exporter that agree about what a night changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zlib import crc32

from tests.flows.pages import journal
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.engines.base import ScoreRequest, ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedEngine, ScriptedLauncher
from web4_agent.backends.exporters.scripted import ScriptedExporter
from web4_agent.backends.trainers.scripted import ScriptedTrainer
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.backends.vectors.memory import MemoryStore
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, ContentHash
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import TrainPolicy
from web4_agent.domain.verdicts import GatePolicy
from web4_agent.flows.auditing import AuditParts
from web4_agent.flows.backing_up import BackupParts
from web4_agent.flows.calibrating import CalibrationParts
from web4_agent.flows.doctor import DoctorParts
from web4_agent.flows.founding import FoundingParts, found, make_folders, serve_pointer
from web4_agent.flows.indexing import IndexParts, IndexRequest, IndexSummary, index
from web4_agent.flows.night import NightParts, NightReport, NightRequest, evening
from web4_agent.flows.night.judging import audit_of
from web4_agent.flows.night.learning import draw
from web4_agent.flows.rollback import RollbackParts
from web4_agent.steps.judging.measure import GateItems, load_gate_items
from web4_agent.steps.judging.sealed import load_audit_items
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.database import Database, sqlite_url

DAY = date(2026, 3, 2)
ARTEFACT = ScriptedExporter().artefact_name
POLICY = TrainPolicy(rank=2, alpha=4, minimum_samples=5, max_tokens=20_000)
ITEMS = load_gate_items()

Effect = Callable[[int, ScoreRequest], float]
"""(how many nights the served adapter has behind it, what is scored) -> what that adds to the mean log-probability."""


def learns(nights: int, request: ScoreRequest) -> float:
    """A good night: texts of the journal become likelier, answers stay as they were."""
    return 0.0 if request.messages else 0.1 * nights


def forgets(nights: int, request: ScoreRequest) -> float:
    """A bad one: right answers become less likely than wrong ones, each in its own measure."""
    return -0.3 * nights * (crc32(request.text.encode()) % 7) if request.messages else 0.1 * nights


class KeptStore(MemoryStore):
    """A memory store that outlives its closing, as a folder on disk does."""

    def close(self) -> None:
        return


class Clock:
    """Starts in the evening and moves a second with every look."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def base_likelihood(request: ScoreRequest) -> float:
    return -2.0 - crc32(request.text.encode()) % 100 / 100


@dataclass
class World:
    """One home, its parts, and the effect that nights have in it."""

    root: Path
    effect: Effect = learns
    export_fault: float = 0.0
    store: VectorStore = field(default_factory=KeptStore)
    clock: Clock = field(default_factory=Clock)
    items: GateItems = ITEMS
    policy: TrainPolicy = POLICY
    gate: GatePolicy = field(default_factory=GatePolicy)
    depths: dict[str, int] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        self.home = Home(self.root / "home")
        make_folders(self.home, "")
        self.database = Database(self.url or sqlite_url(self.home.ledger))
        self.journal = self.root / "journal"
        self.journal.mkdir(exist_ok=True)
        parts = FoundingParts(lambda: self.database, lambda _: ContentHash("0" * 64), lambda _: None, self.clock)
        found(parts, lambda _: None)
        serve_pointer(self.home, self.database, ARTEFACT)

    def write_journal(self) -> "World":
        journal(self.journal)
        return self

    def index(self) -> IndexSummary:
        parts = IndexParts(self.database, self.journal, ScriptedEmbedder(), lambda: self.store, self.clock)
        return index(parts, IndexRequest())

    def night(self, day: date = DAY, *, train: bool = True, **changes: object) -> NightReport:
        return evening(self.parts(**changes), NightRequest(day, train))

    def parts(self, **changes: object) -> NightParts:
        values: dict[str, object] = {
            "database": self.database,
            "home": self.home,
            "base": self.root,
            "base_name": "scripted",
            "trainer": _Trainer(self),
            "exporter": ScriptedExporter(),
            "launcher": ScriptedLauncher(Script(likelihood=self.likelihood)),
            "embedder": ScriptedEmbedder,
            "open_store": lambda: self.store,
            "policy": self.policy,
            "gate": self.gate,
            "items": self.items,
            "has_secret": lambda _: False,
            "now": self.clock,
        }
        return NightParts(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time

    def rollback_parts(self) -> RollbackParts:
        return RollbackParts(self.database, self.home, ARTEFACT, ScriptedEmbedder, lambda: self.store, self.clock)

    def backup_parts(self, **changes: object) -> BackupParts:
        values: dict[str, object] = {
            "database": self.database,
            "home": self.home,
            "artefact": ARTEFACT,
            "embedder": ScriptedEmbedder,
            "open_store": lambda: self.store,
            "now": self.clock,
            "base_model": "scripted",
        }
        return BackupParts(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time

    def doctor_parts(self) -> DoctorParts:
        return DoctorParts(self.database, self.home, ARTEFACT, ScriptedEmbedder, lambda: self.store, lambda: None)

    def calibration_parts(self, **changes: object) -> CalibrationParts:
        night = self.parts()
        values: dict[str, object] = {
            "database": self.database,
            "home": self.home,
            "base": night.base,
            "base_name": night.base_name,
            "trainer": night.trainer,
            "exporter": night.exporter,
            "launcher": night.launcher,
            "policy": night.policy,
            "gate": night.gate,
            "items": night.items,
            "draw": lambda: draw(night, self.clock().date()),
            "audit": lambda samples: audit_of(night, samples),
            "now": self.clock,
        }
        return CalibrationParts(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time

    def audit_parts(self, **changes: object) -> AuditParts:
        night = self.parts()
        values: dict[str, object] = {
            "database": self.database,
            "home": self.home,
            "artefact": ARTEFACT,
            "base": night.base,
            "trainer": night.trainer,
            "launcher": night.launcher,
            "sealed": load_audit_items(),
            "deciding": night.items.margins,
            "now": self.clock,
        }
        return AuditParts(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time

    def likelihood(self, adapter: ServedAdapter, request: ScoreRequest) -> float:
        depth = 0 if adapter.artefact is None else self._depth(adapter.artefact)
        fault = self.export_fault if depth and not request.messages else 0.0
        return base_likelihood(request) + self.effect(depth, request) - fault

    def trained(self, folder: Path | None, request: ScoreRequest) -> float:
        depth = 0 if folder is None else self._depth(folder / ARTEFACT)
        return base_likelihood(request) + self.effect(depth, request)

    def _depth(self, artefact: Path) -> int:
        """Nights behind an artefact, in the order in which artefacts were first met."""
        return self.depths.setdefault(hash_file(artefact), len(self.depths) + 1)


@dataclass(frozen=True)
class _Trainer(ScriptedTrainer):
    """Scores as the engine's script does, so that served and trained likelihoods agree."""

    world: World | None = None

    def __init__(self, world: World) -> None:
        super().__init__()
        object.__setattr__(self, "world", world)

    def score(self, base: Path, adapter: Path | None, requests: Sequence[ScoreRequest]) -> list[TextScore]:
        world = self.world
        assert world is not None
        script = Script(likelihood=lambda _, request: world.trained(adapter, request))
        return ScriptedEngine(script, ServedAdapter(BASE)).score(requests)
