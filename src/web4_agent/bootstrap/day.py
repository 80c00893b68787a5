"""What the flows of the day are made of: serving, the query log and its reports, collections and tools.

Part of the runtime, over what the settings choose.
"""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from web4_agent.domain.queries import RouteDecision

if TYPE_CHECKING:
    from web4_agent.flows.collections import CollectionParts
    from web4_agent.flows.dashboard import DashboardParts
    from web4_agent.flows.day import DayParts
    from web4_agent.flows.evaluation import AcceptParts, EvaluationParts
    from web4_agent.flows.exporting import ExportParts
    from web4_agent.flows.feedback import FeedbackParts
    from web4_agent.flows.provenance import ProvenanceParts
    from web4_agent.flows.query_log import QueryLog
    from web4_agent.flows.recutting import RecutParts
    from web4_agent.flows.referencing import ReferenceParts
    from web4_agent.flows.reporting import ReportingParts
    from web4_agent.flows.serving import ServingParts
    from web4_agent.flows.tooling import ToolParts
    from web4_agent.flows.tuning import TuningParts, VersionParts
    from web4_agent.flows.vitals import VitalParts
    from web4_agent.steps.harnesses import Harness
    from web4_agent.steps.route import Known, Wish

from web4_agent.bootstrap.night import Nightly


class Daily(Nightly):
    """Parts of the day's flows."""

    def reference_parts(self) -> "ReferenceParts":
        from web4_agent.flows.referencing import ReferenceParts

        return ReferenceParts(self.database, self.embedder, self.open_store, self.now, watcher=self.watcher)

    def collection_parts(self) -> "CollectionParts":
        from web4_agent.flows.collections import CollectionParts

        return CollectionParts(self.database, self.home, self.embedder, self.open_store, self.now, self.watcher)

    def recut_parts(self) -> "RecutParts":
        from web4_agent.flows.recutting import RecutParts

        tokens = self.section_tokens
        return RecutParts(self.database, self.home, self.embedder(), self.open_store, self.now, tokens, self.watcher)

    def tool_parts(self) -> "ToolParts":
        from web4_agent.flows.tooling import ToolParts

        own, default = self.home.tool_packs, self.settings.tools.ecosystem
        return ToolParts(self.database, self.embedder, self.open_store, self.now, own, default)

    def tuning_parts(self) -> "TuningParts":
        from web4_agent.backends.lexical.tantivy_words import TantivyWords
        from web4_agent.flows.tuning import TuningParts

        return TuningParts(
            self.database,
            self.embedder,
            self.open_store,
            TantivyWords,
            self.library_policy.search,
            self.settings.retrieval.context_tokens,
            self.section_tokens,
            self.watcher,
        )

    def policy_parts(self) -> "VersionParts":
        from web4_agent.flows.tuning import VersionParts

        return VersionParts(self.database, self.library_policy.search, self.now)

    def serving_parts(self, route: "Callable[[str, Wish, Sequence[str]], RouteDecision]") -> "ServingParts":
        """What is put before a question; `route` decides with what is known of the journal now."""
        from web4_agent.flows.serving import ServingParts

        return ServingParts(
            self.database,
            route,
            self.library,
            lambda texts: self.embedder().token_counts(texts),
            self.settings.tools.ecosystem,
            self.settings.retrieval.context_tokens,
        )

    def day_parts(self) -> "DayParts":
        from web4_agent.flows.day import DayParts
        from web4_agent.flows.serving import prepare
        from web4_agent.flows.tooling import ensure_tools
        from web4_agent.steps.route import route

        known = self.route_known()
        serving = self.serving_parts(lambda text, wish, before: route(text, known, wish=wish, before=before))
        return DayParts(
            self.database,
            self.home,
            self.exporter.artefact_name,
            self.launcher,
            lambda question, wish: serving.route(question, wish, ()),
            lambda question, decision, filters: prepare(serving, question, decision, filters),
            lambda: ensure_tools(self.tool_parts()),
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

    def vital_parts(self) -> "VitalParts":
        from web4_agent.flows.vitals import VitalParts

        return VitalParts(self.database, self.home, self.now)

    def feedback_parts(self, flush: Callable[[], object] = lambda: None) -> "FeedbackParts":
        from web4_agent.flows.feedback import FeedbackParts

        return FeedbackParts(self.database, self.now, flush)

    def reporting_parts(self) -> "ReportingParts":
        from web4_agent.flows.reporting import ReportingParts

        return ReportingParts(self.database, self.now)

    def dashboard_parts(self) -> "DashboardParts":
        from web4_agent.flows.dashboard import DashboardParts

        return DashboardParts(self.database, self.home, self.now, texts_kept=self.settings.log.text_days > 0)

    def export_parts(self) -> "ExportParts":
        from web4_agent.flows.exporting import ExportParts

        return ExportParts(self.database, self.now())

    def provenance_parts(self) -> "ProvenanceParts":
        from web4_agent.flows.provenance import ProvenanceParts

        return ProvenanceParts(self.database, self.embedder, self.open_store)

    def evaluation_parts(self) -> "EvaluationParts":
        from web4_agent.bootstrap.recall import looking_up
        from web4_agent.flows.evaluation import EvaluationParts

        return EvaluationParts(
            self.database,
            self.home,
            self.exporter.artefact_name,
            self.launcher,
            self.harnesses,
            lambda items: looking_up(self, items),
            self.now,
            self.watcher,
        )

    def harnesses(self) -> "tuple[Harness, ...]":
        """The nine, with a team's own items. Raises SettingsError."""
        from web4_agent.steps.harnesses import load_harnesses

        return load_harnesses(self._own(self.settings.evaluation.team_items))

    def accept_parts(self) -> "AcceptParts":
        from web4_agent.flows.evaluation import AcceptParts

        return AcceptParts(self.database, os.environ.get("USER") or str(os.getuid()), self.now)
