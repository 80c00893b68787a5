"""The parts that the settings choose: the only file that names an implementation.

Base of the runtime. Every heavy part is made when it is first asked for, and its library is imported then.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from web4_agent.domain.errors import SettingsError
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.domain.probation import ProbationPolicy
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.training import Compute, TrainPolicy
from web4_agent.domain.verdicts import GatePolicy
from web4_agent.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from web4_agent.backends.channels.base import Channels
    from web4_agent.backends.embedders.base import Embedder
    from web4_agent.backends.engines.base import EngineLauncher
    from web4_agent.backends.exporters.base import Exporter
    from web4_agent.backends.timers.base import Timers
    from web4_agent.backends.tracing.base import Tracer
    from web4_agent.backends.trainers.base import Trainer
    from web4_agent.backends.vectors.base import VectorStore
    from web4_agent.steps.judging.measure import GateItems
    from web4_agent.steps.retrieval.library import Library, LibraryPolicy
    from web4_agent.storage.database import Database


HOME_VARIABLE = "WEB4_HOME"
DEFAULT_HOME = "~/.web4-agent"
LOOKS_EVERY = timedelta(hours=1)
LIBRARIES = ("web4-agent", "torch", "transformers", "peft", "xllamacpp", "gguf", "chromadb", "onnxruntime")


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Chosen:
    """One home with its settings, and the parts they choose. Close it when done."""

    home: Home
    settings: Settings
    now: Callable[[], datetime] = utc_now
    watcher: Watcher = field(default_factory=Unwatched)
    _looked_utc: datetime | None = None

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
        if self.settings.training.backend == "none":
            raise SettingsError(
                'training.backend = "none": this machine serves and does not train',
                f"run the night where models are trained, or set training.backend in {self.home.settings}",
            )
        from web4_agent.backends.trainers.peft_trainer import PeftTrainer
        from web4_agent.domain.extras import TRAIN, require

        require(TRAIN, "training")
        chosen = self.settings.training
        return PeftTrainer(self.threads, Compute(chosen.device, chosen.precision, chosen.base_bits))

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

    @property
    def section_tokens(self) -> int:
        """The most tokens of a section in the collections: what the settings say, as far as the embedder reads."""
        most = self.embedder().max_tokens
        return min(self.settings.retrieval.section_tokens or most, most)

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
        from web4_agent.steps.retrieval.library import Library, LibraryParts

        return Library(LibraryParts(self.database, self.open_store, self.embedder, TantivyWords, self.library_policy))

    @property
    def library_policy(self) -> "LibraryPolicy":
        from web4_agent.domain.retrieval import RetrievalPolicy
        from web4_agent.steps.retrieval.library import LibraryPolicy

        chosen = self.settings.retrieval
        search = RetrievalPolicy(chosen.results, chosen.similarity)
        return LibraryPolicy(search, chosen.tool_results, chosen.context_tokens, chosen.hot_documents)

    def prepare_base(self, say: Callable[[str], None]) -> ContentHash:
        """Convert the base model once; returns the hash of the file that serves."""
        from web4_agent.backends.exporters.base_model import prepare_base
        from web4_agent.domain.extras import TRAIN, require

        if not self.home.base_model.exists():
            require(TRAIN, f"converting the base model {self.settings.model.base}")
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
        policy = TrainPolicy(
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
            feedback=chosen.feedback,
            feedback_weight=chosen.feedback_weight,
            preference_rate=chosen.preference_rate,
        )
        return self._with_recipe(policy, chosen.recipe) if chosen.recipe else policy

    def _with_recipe(self, policy: TrainPolicy, named: str) -> TrainPolicy:
        from web4_agent.steps.recipe import read_recipe, shipped_recipes

        path = named if named in shipped_recipes() else str(self.home.root / Path(named).expanduser())
        recipe = read_recipe(path, policy)
        if recipe.rebuild_nights or recipe.scale != 1.0:
            raise SettingsError(
                f"the recipe {named} scales or rebuilds, which a backtest tries and the night does not do",
                f"remove scale and rebuild_nights from {named}, or training.recipe from {self.home.settings}",
            )
        return recipe.policy

    @property
    def gate_policy(self) -> GatePolicy:
        chosen = self.settings.gate
        return GatePolicy(
            production_margin=chosen.production_margin,
            golden_margin=chosen.golden_margin,
            kl_limit=chosen.kl_limit,
        )

    @property
    def probation_policy(self) -> ProbationPolicy:
        chosen = self.settings.probation
        return ProbationPolicy(
            hours=chosen.hours,
            requests=chosen.requests,
            alpha=chosen.alpha,
            margin=chosen.margin,
            rolls_back=chosen.rolls_back,
        )

    def gate_items(self, per_stratum: int | None = None) -> "GateItems":
        """As many margin items of each stratum as asked for, else as the settings say."""
        from web4_agent.steps.judging.measure import OwnItems, load_gate_items

        chosen = self.settings.gate
        own = OwnItems(
            canaries=self._own(chosen.team_canaries),
            margins=self._own(chosen.team_margins),
            challenges=self._own(chosen.team_challenges),
            general_samples=self._own(self.settings.training.team_general),
        )
        return load_gate_items(own, per_stratum or chosen.items_per_stratum)

    def _own(self, named: str) -> Path | None:
        """A file or folder that the settings name, seen from the home; None where they name none."""
        return self.home.root / Path(named).expanduser() if named else None

    def alert_channels(self) -> "Channels":
        """The channels of the settings and of the file they name. Raises SettingsError, which shows no address."""
        from web4_agent.backends.channels.addresses import read_addresses, read_file
        from web4_agent.backends.channels.apprise_channel import AppriseChannels

        chosen = self.settings.alerts
        text, source = chosen.urls.get_secret_value(), "alerts.urls"
        if chosen.urls_file:
            file = self.home.root / Path(chosen.urls_file).expanduser()
            text, source = f"{text}\n{read_file(file)}", f"alerts.urls and {file}" if text else str(file)
        return AppriseChannels(read_addresses(text, source))

    def timers(self) -> "tuple[Timers, ...]":
        """The machine's schedulers, the better one first."""
        from web4_agent.backends.timers.cron import CronTimers
        from web4_agent.backends.timers.systemd import SystemdTimers

        configured = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        user = os.environ.get("USER") or str(os.getuid())
        return SystemdTimers(Path(configured).expanduser() / "systemd" / "user", user), CronTimers()

    def log_lines(self) -> "AbstractContextManager[object]":
        """What is logged, on standard error, while a command that runs until it is stopped does."""
        from web4_agent.pipeline.log_lines import lines_on

        return lines_on(self.settings.log.format)

    @cached_property
    def tracer(self) -> "Tracer":
        """Raises ExtraError without the extra `otel`, SettingsError for headers that can't be read."""
        chosen = self.settings.tracing
        if not chosen.endpoint:
            from web4_agent.backends.tracing.untraced import Untraced

            return Untraced()
        from web4_agent.backends.tracing.otel import Collector, OtelTracer, parse_headers
        from web4_agent.domain.extras import OTEL, require

        require(OTEL, "tracing.endpoint")
        try:
            headers = parse_headers(chosen.headers.get_secret_value())
        except ValueError as error:
            raise SettingsError(f"tracing.headers: {error}", "write NAME=VALUE, commas between") from error
        return OtelTracer(chosen.service, Collector(chosen.endpoint, headers, chosen.timeout_s))

    def close(self) -> None:
        if "tracer" in self.__dict__:
            self.tracer.close()
        self.database.close()
