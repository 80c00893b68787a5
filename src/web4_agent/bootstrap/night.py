"""What the flows of the night are made of: index, evening, morning, and what mends or undoes them.

Part of the runtime, over what the settings choose.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from web4_agent import settings as configuration
from web4_agent.domain.ids import AdapterVersion

if TYPE_CHECKING:
    from web4_agent.backends.engines.base import ScoreRequest
    from web4_agent.backends.vectors.base import VectorStore
    from web4_agent.domain.speech import TextScore
    from web4_agent.domain.thumbs import ThumbsMorning
    from web4_agent.flows.auditing import AuditParts
    from web4_agent.flows.backing_up import BackupParts
    from web4_agent.flows.backtest import BacktestParts
    from web4_agent.flows.calibrating import CalibrationParts
    from web4_agent.flows.doctor import DoctorParts
    from web4_agent.flows.forgetting import ForgetParts, Forgotten
    from web4_agent.flows.forgetting.parts import Replayed, Versions
    from web4_agent.flows.golden import GoldenParts
    from web4_agent.flows.indexing import IndexParts
    from web4_agent.flows.morning import MorningParts
    from web4_agent.flows.night import NightParts
    from web4_agent.flows.probation import ProbationParts
    from web4_agent.flows.quarantine import QuarantineParts
    from web4_agent.flows.rollback import RollbackParts

from web4_agent.bootstrap.chosen import LIBRARIES, Chosen


class Nightly(Chosen):
    """Parts of the night's flows."""

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
            section_tokens=self.section_tokens,
        )

    def night_parts(self) -> "NightParts":
        from web4_agent.backends.exporters.base_model import load_base
        from web4_agent.flows.night import NightParts
        from web4_agent.steps.journal.safety import clean_of_secrets
        from web4_agent.steps.judging.sealed import load_audit_items
        from web4_agent.steps.watch.replay import ReplayPolicy

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
            settings_text=self.settings_text,
            keep_backups=self.settings.retention.backups,
            keep_runs=self.settings.retention.run_folders,
            shadow=ReplayPolicy(prompts=self.settings.probation.shadow_prompts),
            watcher=self.watcher,
            traced=self.tracer.record,
            sealed=tuple((item.prompt, item.answer) for item in load_audit_items()),
        )

    def morning_parts(self) -> "MorningParts":
        from web4_agent.flows.morning import MorningParts

        items = self.gate_items()
        return MorningParts(
            self.database,
            self.home,
            self.exporter.artefact_name,
            self.launcher,
            items.challenges,
            self.now,
            items,
            self.gate_policy,
            copy_scores=self._copy_scores,
            watcher=self.watcher,
            thumbs=self._voted_down,
        )

    def backtest_parts(self, folder: Path, items_per_stratum: int) -> "BacktestParts":
        """In a folder of its own: the home lends its model, its settings and its items, and stays as it is."""
        from web4_agent.backends.exporters.base_model import load_base
        from web4_agent.flows.backtest import BacktestParts
        from web4_agent.steps.journal.safety import clean_of_secrets

        base = load_base(self.home.base_model)
        return BacktestParts(
            trainer=self.trainer,
            base=base.folder,
            base_name=base.source,
            items=self.gate_items(items_per_stratum),
            gate=self.gate_policy,
            has_secret=lambda text: not clean_of_secrets(text),
            folder=folder,
            now=self.now,
            watcher=self.watcher,
        )

    def _copy_scores(self, adapter: Path | None, requests: "Sequence[ScoreRequest]") -> "list[TextScore]":
        """The trainer's likelihoods, for engines that give none."""
        from web4_agent.backends.exporters.base_model import load_base

        return self.trainer.score(load_base(self.home.base_model).folder, adapter, requests)

    def rollback_parts(self) -> "RollbackParts":
        from web4_agent.flows.rollback import RollbackParts

        return RollbackParts(
            self.database, self.home, self.exporter.artefact_name, self.embedder, self.open_store, self.now
        )

    def golden_parts(self) -> "GoldenParts":
        from web4_agent.flows.golden import GoldenParts

        return GoldenParts(self.database, self.home, self.exporter.artefact_name, self.now)

    def probation_parts(self) -> "ProbationParts":
        """Rolls back through the flow of that name: flows do not import each other."""
        from web4_agent.flows.probation import ProbationParts
        from web4_agent.flows.rollback import Cause, RolledBack, roll_back

        def go_back(source: AdapterVersion, target: AdapterVersion, reason: str) -> RolledBack:
            return roll_back(self.rollback_parts(), target, cause=Cause(source, reason))

        return ProbationParts(self.database, self.probation_policy, self.now, go_back)

    def forget_parts(self) -> "ForgetParts":
        from web4_agent.flows.forgetting import ForgetParts

        return ForgetParts(
            self.database,
            self.home,
            self.exporter.artefact_name,
            self.embedder,
            self.open_store,
            self._fresh_store,
            self._replay,
            self.now,
            self.watcher,
        )

    def finish_forgetting(self) -> "Forgotten | None":
        """End a forgetting that was cut off or put off: its nights come before the next one. Usually there is none."""
        from web4_agent.flows.forgetting import pending, resume

        parts = self.forget_parts()
        return resume(parts) if pending(parts) else None

    def _fresh_store(self, place: Path) -> "VectorStore":
        from web4_agent.backends.vectors.chroma_apart import ChromaApart

        return ChromaApart(place)

    def _replay(self, day: date, versions: "Versions") -> "Replayed":
        """The night of a day once more, on these versions; who calls holds the night's locks."""
        from web4_agent.flows.forgetting import Replayed
        from web4_agent.flows.night import NightRequest, again

        report = again(self.night_parts(), NightRequest(day, only=versions))
        return Replayed(report.run, report.state, report.serving, report.sentence)

    def backup_parts(self) -> "BackupParts":
        from web4_agent.flows.backing_up import BackupParts
        from web4_agent.steps.backup import KeepPolicy

        kept = self.settings.retention
        return BackupParts(
            self.database,
            self.home,
            self.exporter.artefact_name,
            self.embedder,
            self.open_store,
            self.now,
            self.settings_text,
            self.settings.model.base,
            next(iter(_versions()), ""),
            KeepPolicy(kept.backups, kept.backups, kept.candidate_days),
            self.watcher,
        )

    def settings_text(self) -> str:
        """The settings without secrets, as a backup holds them."""
        return configuration.without_secrets(self.home.root)

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

    def calibration_parts(self, per_stratum: int | None = None) -> "CalibrationParts":
        """The gate's own trial, on the night that would be trained now."""
        from web4_agent.flows.calibrating import CalibrationParts
        from web4_agent.flows.night.judging import audit_of
        from web4_agent.flows.night.learning import draw

        night = self.night_parts()
        return CalibrationParts(
            self.database,
            self.home,
            night.base,
            night.base_name,
            night.trainer,
            night.exporter,
            night.launcher,
            night.policy,
            night.gate,
            self.gate_items(per_stratum) if per_stratum else night.items,
            lambda: draw(night, self.now().date()),
            lambda samples: audit_of(night, samples),
            self.now,
            self.watcher,
        )

    def audit_parts(self) -> "AuditParts":
        from web4_agent.flows.auditing import AuditParts
        from web4_agent.steps.judging.sealed import load_audit_items

        return AuditParts(
            self.database,
            self.home,
            self.exporter.artefact_name,
            self.home.base_model,
            self.trainer,
            self.launcher,
            load_audit_items(),
            self.gate_items().margins,
            self.now,
            self.watcher,
        )

    def audit_when_due(self) -> str:
        """What the week's audit says, after a night; empty when none was due. It never fails a night."""
        from web4_agent.flows.auditing import audit_when_due

        found = audit_when_due(self.audit_parts)
        return found.sentence if found else ""

    def quarantine_parts(self) -> "QuarantineParts":
        from web4_agent.flows.quarantine import QuarantineParts

        return QuarantineParts(self.database, self.now)

    def _voted_down(self, yesterday: AdapterVersion, today: AdapterVersion) -> "ThumbsMorning":
        """The morning's look at thumbs is a flow of its own: flows do not import each other."""
        from web4_agent.flows.voted_down import VotedDownParts, look

        parts = VotedDownParts(self.database, self.home, self.exporter.artefact_name, self.launcher, self.watcher)
        return look(parts, yesterday, today)


def _versions() -> tuple[str, ...]:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return tuple(found)
