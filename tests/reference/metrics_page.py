"""docs/reference/metrics.md: every metric that a gateway exports, by the page that Prometheus reads."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.reference.http_page import asked
from tests.reference.markdown import page, table
from web4_agent.domain.adapters import Pointer
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import BASE, RunId
from web4_agent.domain.runs import Run, RunState
from web4_agent.flows.vitals import Vitals
from web4_agent.gateway.ledger_metrics import LedgerMetrics

INTRO = """
`GET /metrics`. Labels are bounded: names of ours, never of a client's. `web4_night_*` and `web4_backup_*` are there
once there was a night and a backup. A dashboard and alert rules over them: [observability.md](../observability.md).
"""
_AT = datetime(2026, 3, 2, 22, tzinfo=UTC)
_LABELS = {
    "web4_requests": ("endpoint", "route", "status"),
    "web4_request_seconds": ("route",),
    "web4_refusals": ("status",),
    "web4_tokens": ("direction",),
    "web4_hot_documents": ("outcome",),
    "web4_engine_swap_seconds": ("engine",),
    "web4_feedback": ("thumb",),
    "web4_night_verdict": ("decision",),
}
"""Of metrics that a gateway without traffic has no sample of; a test compares them with those of one that has."""


def text() -> str:
    found = {one.name: one for one in (*families(asked()[1]), *families(_of_the_ledger()))}
    rows = [
        (f"`{_exported(one)}`", one.type, ", ".join(f"`{label}`" for label in labels(one)), one.documentation)
        for one in sorted(found.values(), key=lambda one: one.name)
    ]
    return page("Metrics", INTRO, table(("metric", "type", "labels", "meaning"), rows))


def families(shown: str) -> Iterator[Metric]:
    return iter(text_string_to_metric_families(shown))


def labels(family: Metric) -> tuple[str, ...]:
    if family.name in _LABELS:
        return _LABELS[family.name]
    names = {name: None for sample in family.samples for name in sample.labels if name != "le"}
    return tuple(names)


def _exported(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _of_the_ledger() -> str:
    """Of one that has had a night and a backup, and has one open."""
    run = Run(RunId("r"), "night", _AT.date(), RunState.REJECTED, _AT, _AT)
    pointer = Pointer(BASE, BASE, None, _AT)
    known = Vitals(
        pointer=pointer,
        last_night=run,
        open_night=run,
        rejected_in_a_row=1,
        verdict=None,
        documents=dict.fromkeys(DocumentState, 0),
        undelivered={"waiting": 0, "gave up": 0},
        on_probation=False,
        alarmed=False,
        last_backup_utc=_AT,
        free_bytes=1,
    )
    registry = CollectorRegistry()
    registry.register(LedgerMetrics(lambda: known, lambda: None))
    verdict = "# HELP web4_night_verdict The last night's last verdict.\n# TYPE web4_night_verdict gauge\n"
    return generate_latest(registry).decode() + verdict
