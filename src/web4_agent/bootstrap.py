"""From settings to a running system: the only file that names an implementation.

Called by the CLI. Every heavy part is made when it is first asked for, and its library is imported then.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from web4_agent import settings as configuration
from web4_agent.domain.errors import HomeError, SettingsError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.training import TrainPolicy
from web4_agent.domain.verdicts import GatePolicy
from web4_agent.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from web4_agent.backends.embedders.base import Embedder
    from web4_agent.backends.engines.base import EngineLauncher
    from web4_agent.backends.exporters.base import Exporter
    from web4_agent.backends.trainers.base import Trainer
    from web4_agent.backends.vectors.base import VectorStore
    from web4_agent.flows.collections import CollectionParts
    from web4_agent.flows.day import DayParts
    from web4_agent.flows.doctor import DoctorParts
    from web4_agent.flows.exporting import ExportParts
    from web4_agent.flows.feedback import FeedbackParts
    from web4_agent.flows.indexing import IndexParts
    from web4_agent.flows.morning import MorningParts
    from web4_agent.flows.night import NightParts
    from web4_agent.flows.provenance import ProvenanceParts
    from web4_agent.flows.query_log import QueryLog
    from web4_agent.flows.referencing import ReferenceParts
    from web4_agent.flows.reporting import ReportingParts
    from web4_agent.flows.rollback import RollbackParts
    from web4_agent.flows.tooling import ToolParts
    from web4_agent.steps.judging.measure import GateItems
    from web4_agent.steps.retrieval.library import Library
    from web4_agent.steps.route import Known
    from web4_agent.storage.database import Database

HOME_VARIABLE = "WEB4_HOME"
DEFAULT_HOME = "~/.web4-agent"
LIBRARIES = ("web4-agent", "torch", "transformers", "peft", "xllamacpp", "gguf", "chromadb", "onnxruntime")


def utc_now() -> datetime:
    return datetime.now(UTC)


def home_folder(option: Path | None) -> Home:
    """The home asked for: `--home`, else WEB4_HOME, else `~/.web4-agent`."""
    return Home(Path(option or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser().absolute())


def open_home(option: Path | None = None, watcher: Watcher | None = None, *, follow: bool = True) -> "Runtime":
    """Open a home that `init` made, bring its ledger up to date, and let what serves follow the ledger.

    Without `follow` the last is left out: for the commands that repair a home whose files are not whole.

    Raises HomeError when there is none, SettingsError, DatabaseError.
    """
    home = home_folder(option)
    if not home.settings.is_file():
        raise HomeError(f"there is no home at {home.root}", f"web4-agent init --home {home.root}")
    runtime = Runtime(home, configuration.load(home.root), watcher=watcher or Unwatched())
    runtime.check(follow=follow)
    return runtime


def found_home(
    option: Path | None, overrides: Mapping[str, object], say: Callable[[str], None]
) -> tuple["Runtime", bool]:
    """Make a home, or complete one; returns it and whether its settings are new. Settings that exist are kept."""
    from web4_agent.flows.founding import FoundingParts, found, make_folders

    home = home_folder(option)
    fresh = make_folders(home, configuration.as_toml(overrides))
    runtime = Runtime(home, configuration.load(home.root))
    parts = FoundingParts(lambda: runtime.database, runtime.prepare_base, runtime.prepare_embedder, runtime.now)
    found(parts, say)
    runtime.check()
    return runtime, fresh


@dataclass
class Runtime:
    """One home with its settings, and the parts they choose. Close it when done."""

    home: Home
    settings: Settings
    now: Callable[[], datetime] = utc_now
    watcher: Watcher = field(default_factory=Unwatched)

    def check(self, *, follow: bool = True) -> None:
        """Raises when the ledger can't be used; then, with `follow`, what serves is made to follow it."""
        from web4_agent.flows.founding import serve_pointer
        from web4_agent.storage.migrations import migrate

        migrate(self.database)
        if follow:
            serve_pointer(self.home, self.database, self.exporter.artefact_name)

    @cached_property
    def database(self) -> "Database":
        from web4_agent.storage.database import Database, sqlite_url

        return Database(self.settings.database.url or sqlite_url(self.home.ledger))

    @property
    def journal(self) -> Path:
        """The journal's root; a relative one counts from the home."""
        return (self.home.root / Path(self.settings.journal.root).expanduser()).absolute()

    @property
    def threads(self) -> int:
        return self.settings.model.threads or os.cpu_count() or 1

    @cached_property
    def trainer(self) -> "Trainer":
        if self.settings.training.backend == "scripted":
            from web4_agent.backends.trainers.scripted import ScriptedTrainer

            return ScriptedTrainer()
        from web4_agent.backends.trainers.peft_trainer import PeftTrainer

        return PeftTrainer(self.threads)

    @cached_property
    def exporter(self) -> "Exporter":
        if self.settings.engine.kind == "openai":
            from web4_agent.backends.exporters.peft_copy import PeftCopy

            return PeftCopy()
        if self.settings.engine.kind == "scripted":
            from web4_agent.backends.exporters.scripted import ScriptedExporter

            return ScriptedExporter()
        from web4_agent.backends.exporters.gguf_adapter import GgufExporter

        return GgufExporter()

    @cached_property
    def launcher(self) -> "EngineLauncher":
        kind = self.settings.engine.kind
        if kind == "scripted":
            from web4_agent.backends.engines.scripted import ScriptedLauncher

            return ScriptedLauncher()
        if kind != "llama.cpp":
            return self._remote_launcher()
        from web4_agent.backends.engines.llamacpp import LlamaCppLauncher
        from web4_agent.backends.exporters.base_model import load_base

        return LlamaCppLauncher(
            load_base(self.home.base_model).gguf,
            self.home.logs,
            context_tokens=self.settings.engine.context_tokens,
            threads=self.threads,
            request_timeout_s=self.settings.engine.timeout_s,
        )

    @cached_property
    def serving_launcher(self) -> "EngineLauncher":
        """As `launcher`, for people: several at once, and the beginning of a conversation is read just once."""
        if self.settings.engine.kind != "llama.cpp":
            return self.launcher
        from dataclasses import replace

        from web4_agent.backends.engines.llamacpp import LlamaCppLauncher

        assert isinstance(self.launcher, LlamaCppLauncher)
        return replace(self.launcher, parallel=self.settings.gateway.parallel, reuse_prefix=True)

    def _remote_launcher(self) -> "EngineLauncher":
        engine = self.settings.engine
        for key, value in (("engine.url", engine.url), ("engine.base", engine.base)):
            if not value:
                raise SettingsError(
                    f"{key} is empty, but engine.kind = {engine.kind!r} needs it", f"set {key} in {self.home.settings}"
                )
        if engine.kind == "ollama":
            from web4_agent.backends.engines.ollama import OllamaLauncher

            return OllamaLauncher(engine.base, engine.url, engine.model, engine.context_tokens, engine.timeout_s)
        from web4_agent.backends.engines.openai_compatible import OpenAiLauncher

        return OpenAiLauncher(
            engine.url, engine.base, engine.api_key.get_secret_value(), engine.loads_adapters, engine.timeout_s
        )

    def embedder(self) -> "Embedder":
        return self._embedder

    @cached_property
    def _embedder(self) -> "Embedder":
        from web4_agent.backends.embedders.minilm_onnx import MiniLmOnnx

        return MiniLmOnnx(self.home.embedder_model, self.threads)

    def embed_counted(self, texts: Sequence[str]) -> "tuple[NDArray[np.float32], int]":
        """Vectors of texts, and how many tokens were read for them."""
        embedder = self.embedder()
        read = sum(min(count, embedder.max_tokens) for count in embedder.token_counts(texts))
        return embedder.embed(texts), read

    def open_store(self) -> "VectorStore":
        from web4_agent.backends.vectors.chroma import ChromaStore

        return ChromaStore(self.home.vectors)

    @cached_property
    def library(self) -> "Library":
        """The day's retrieval, one for this process."""
        from web4_agent.backends.lexical.tantivy_words import TantivyWords
        from web4_agent.steps.retrieval.library import Library, LibraryParts, LibraryPolicy

        chosen = self.settings.retrieval
        policy = LibraryPolicy(
            chosen.results, chosen.tool_results, chosen.similarity, chosen.context_tokens, chosen.hot_documents
        )
        return Library(LibraryParts(self.database, self.open_store, self.embedder, TantivyWords, policy))

    def prepare_base(self, say: Callable[[str], None]) -> ContentHash:
        """Convert the base model once; returns the hash of the file that serves."""
        from web4_agent.backends.exporters.base_model import prepare_base

        return prepare_base(self.settings.model.base, self.home.base_model, say).gguf_hash

    def prepare_embedder(self, say: Callable[[str], None]) -> None:
        from web4_agent.backends.embedders.minilm_export import export_minilm, packaged_minilm

        if not self.home.embedder_model.exists():
            say("exporting the embedder to ONNX")
            export_minilm(packaged_minilm(), self.home.embedder_model)

    def verify_models(self) -> None:
        from web4_agent.backends.exporters.base_model import load_base, verify_base

        verify_base(load_base(self.home.base_model))
        self.embedder()

    @property
    def train_policy(self) -> TrainPolicy:
        chosen = self.settings.training
        return TrainPolicy(
            rank=chosen.rank,
            alpha=2 * chosen.rank,
            learning_rate=chosen.learning_rate,
            epochs=chosen.epochs,
            tokens_per_step=chosen.tokens_per_step,
            max_sample_tokens=chosen.max_sample_tokens,
            kl_weight=chosen.kl_weight,
            minimum_samples=chosen.minimum_samples,
            max_tokens=chosen.max_tokens,
            seed=chosen.seed,
        )

    @property
    def gate_policy(self) -> GatePolicy:
        chosen = self.settings.gate
        return GatePolicy(
            production_margin=chosen.production_margin,
            golden_margin=chosen.golden_margin,
            kl_limit=chosen.kl_limit,
        )

    def gate_items(self) -> "GateItems":
        from web4_agent.steps.judging.measure import load_gate_items

        own = self.settings.gate
        return load_gate_items(
            Path(own.team_canaries) if own.team_canaries else None,
            Path(own.team_margins) if own.team_margins else None,
            own.items_per_stratum,
        )

    def index_parts(self, journal: Path | None = None) -> "IndexParts":
        from web4_agent.flows.indexing import IndexParts

        return IndexParts(
            self.database,
            journal or self.journal,
            self.embedder(),
            self.open_store,
            self.now,
            self.settings.journal.max_bytes,
            self.watcher,
        )

    def reference_parts(self) -> "ReferenceParts":
        from web4_agent.flows.referencing import ReferenceParts

        return ReferenceParts(self.database, self.embedder, self.open_store, self.now, watcher=self.watcher)

    def collection_parts(self) -> "CollectionParts":
        from web4_agent.flows.collections import CollectionParts

        return CollectionParts(self.database, self.home, self.embedder, self.open_store, self.now, self.watcher)

    def tool_parts(self) -> "ToolParts":
        from web4_agent.flows.tooling import ToolParts

        own, default = self.home.tool_packs, self.settings.tools.ecosystem
        return ToolParts(self.database, self.embedder, self.open_store, self.now, own, default)

    def night_parts(self) -> "NightParts":
        from web4_agent.backends.exporters.base_model import load_base
        from web4_agent.flows.night import NightParts
        from web4_agent.steps.journal.safety import clean_of_secrets

        base = load_base(self.home.base_model)
        return NightParts(
            database=self.database,
            home=self.home,
            base=base.folder,
            base_name=base.source,
            trainer=self.trainer,
            exporter=self.exporter,
            launcher=self.launcher,
            embedder=self.embedder,
            open_store=self.open_store,
            policy=self.train_policy,
            gate=self.gate_policy,
            items=self.gate_items(),
            has_secret=lambda text: not clean_of_secrets(text),
            now=self.now,
            versions=_versions(),
            keep_backups=self.settings.retention.backups,
            keep_runs=self.settings.retention.run_folders,
            watcher=self.watcher,
        )

    def morning_parts(self) -> "MorningParts":
        from web4_agent.flows.morning import MorningParts
        from web4_agent.steps.judging.challenges import load_challenges

        return MorningParts(
            self.database,
            self.home,
            self.exporter.artefact_name,
            self.launcher,
            load_challenges(),
            self.now,
            self.watcher,
        )

    def day_parts(self) -> "DayParts":
        from web4_agent.flows.day import DayParts

        return DayParts(
            self.database, self.home, self.exporter.artefact_name, self.launcher, self.embedder, self.open_store
        )

    def route_known(self) -> "Known":
        """What the router knows of this journal today."""
        from web4_agent.flows.routing import known

        return known(self.database, self.now().date())

    def query_log(self) -> "QueryLog":
        """A running writer of the query log, on a connection of its own. Close it before this runtime."""
        from web4_agent.flows.query_log import LogPolicy, QueryLog
        from web4_agent.storage.database import Database, sqlite_url
        from web4_agent.storage.spill import SpillFile

        database = Database(self.settings.database.url or sqlite_url(self.home.ledger), lazy=True)
        return QueryLog(
            database,
            self.now,
            SpillFile(self.home.logs / "query-log.jsonl"),
            SpillFile(self.home.logs / "query-log-refused.jsonl"),
            LogPolicy(text_days=self.settings.log.text_days),
        )

    def feedback_parts(self, flush: Callable[[], object] = lambda: None) -> "FeedbackParts":
        from web4_agent.flows.feedback import FeedbackParts

        return FeedbackParts(self.database, self.now, flush)

    def reporting_parts(self) -> "ReportingParts":
        from web4_agent.flows.reporting import ReportingParts

        return ReportingParts(self.database, self.now)

    def export_parts(self) -> "ExportParts":
        from web4_agent.flows.exporting import ExportParts

        return ExportParts(self.database, self.now())

    def provenance_parts(self) -> "ProvenanceParts":
        from web4_agent.flows.provenance import ProvenanceParts

        return ProvenanceParts(self.database, self.embedder, self.open_store)

    def rollback_parts(self) -> "RollbackParts":
        from web4_agent.flows.rollback import RollbackParts

        return RollbackParts(
            self.database, self.home, self.exporter.artefact_name, self.embedder, self.open_store, self.now
        )

    def doctor_parts(self) -> "DoctorParts":
        from web4_agent.flows.doctor import DoctorParts

        return DoctorParts(
            self.database,
            self.home,
            self.exporter.artefact_name,
            self.embedder,
            self.open_store,
            self.verify_models,
        )

    def close(self) -> None:
        self.database.close()


def _versions() -> tuple[str, ...]:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return tuple(found)
