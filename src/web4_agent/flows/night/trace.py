"""A night as a trace: the night and a span for each committed step, those before a break included.

Called by the story when a night has ended or was stopped. A step's payload stays in the ledger: it may quote documents.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from web4_agent.domain import trace_names as names
from web4_agent.domain.runs import Run, StepRecord
from web4_agent.domain.traces import Span, SpanKind, Value


def night_span(run: Run, steps: Sequence[StepRecord], end_utc: datetime, state: str, error: str = "") -> Span:
    """`steps` in any order; `error` the kind of what stopped the night, empty when nothing did."""
    children = tuple(sorted(map(_step, steps), key=lambda span: span.start_utc))
    attributes: dict[str, Value] = {names.RUN: str(run.id), names.DAY: run.day.isoformat(), names.STATE: state}
    start = min([run.started_utc, *(child.start_utc for child in children)])
    return Span("night", start, max(end_utc, start), SpanKind.INTERNAL, attributes, error, children)


def _step(record: StepRecord) -> Span:
    attributes: dict[str, Value] = {
        names.RUN: str(record.run),
        names.STEP: record.name,
        names.PEAK_BYTES: record.peak_rss_bytes,
    }
    start = record.committed_utc - timedelta(seconds=record.seconds)
    return Span(f"night {record.name}", start, record.committed_utc, SpanKind.INTERNAL, attributes)
