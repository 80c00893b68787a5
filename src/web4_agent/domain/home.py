"""Where things lie in a home. The only place that knows the names of its folders."""

from dataclasses import dataclass
from pathlib import Path

from web4_agent.domain.ids import AdapterVersion, RunId


@dataclass(frozen=True, slots=True)
class Home:
    """A folder that holds one team's ledger, models, adapters, vectors, logs, runs, reports, backups and archive."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "web4.toml"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.db"

    @property
    def night_lock(self) -> Path:
        return self.root / "locks" / "night.lock"

    @property
    def night_progress(self) -> Path:
        """How far the night at work is, for other processes; it goes with the night's last step."""
        return self.root / "locks" / "night.progress"

    @property
    def schedule_lock(self) -> Path:
        return self.root / "locks" / "schedule.lock"

    @property
    def backup_lock(self) -> Path:
        return self.root / "locks" / "backup.lock"

    @property
    def evaluation_lock(self) -> Path:
        return self.root / "locks" / "evaluation.lock"

    @property
    def maintenance_lock(self) -> Path:
        return self.root / "locks" / "maintenance.lock"

    @property
    def adapters(self) -> Path:
        return self.root / "adapters"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def base_model(self) -> Path:
        return self.models / "base"

    @property
    def embedder_model(self) -> Path:
        return self.models / "embedder"

    @property
    def vectors(self) -> Path:
        return self.root / "vectors"

    @property
    def tool_packs(self) -> Path:
        """A team's own packs of tool examples, one folder each."""
        return self.root / "tools"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def serving(self) -> Path:
        """What serves now, for programs that don't read the ledger."""
        return self.root / "serving.json"

    @property
    def folders(self) -> tuple[Path, ...]:
        return (
            self.adapters,
            self.models,
            self.vectors,
            self.logs,
            self.runs,
            self.reports,
            self.backups,
            self.archive,
            self.night_lock.parent,
        )

    def adapter(self, version: AdapterVersion) -> Path:
        return self.adapters / version

    def run(self, run: RunId) -> Path:
        return self.runs / run

    def log(self, run: RunId) -> Path:
        return self.logs / f"{run}.log"
