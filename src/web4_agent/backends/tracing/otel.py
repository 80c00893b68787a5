"""Spans to an OpenTelemetry collector, over OTLP/HTTP, in batches on a thread of the SDK's.

Chosen by bootstrap when `tracing.endpoint` is set; the only file that imports OpenTelemetry. A collector that is slow,
refuses or is gone costs spans and a line in the log, never an answer: the SDK keeps at most 2,048 spans and drops more.
The provider is this object's own, not the process's: another library's spans do not join ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from web4_agent.domain.traces import Span, SpanKind

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanKind as Theirs

_WAITING_SPANS = 2_048
_SEND_EVERY_MS = 1_000


@dataclass(frozen=True, slots=True)
class Collector:
    """Where to send: the whole address with its path, headers (secret), and how long one attempt may take."""

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 5.0


class OtelTracer:
    wants = True

    def __init__(self, service: str, collector: Collector | None, exporter: "SpanExporter | None" = None) -> None:
        """`exporter` in place of a collector: the SDK's in-memory one, for tests."""
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource({"service.name": service, "service.version": version("web4-agent")})
        self._provider = TracerProvider(
            resource=resource, shutdown_on_exit=False, span_limits=SpanLimits(max_attribute_length=20_000)
        )
        self._timeout_s = collector.timeout_s if collector else 5.0
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter or _exporter(collector or Collector("")),
                max_queue_size=_WAITING_SPANS,
                schedule_delay_millis=_SEND_EVERY_MS,
                export_timeout_millis=self._timeout_s * 1000,
            )
        )
        self._tracer = self._provider.get_tracer("web4_agent", version("web4-agent"))

    def record(self, span: Span) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        asked = TraceContextTextMapPropagator().extract({"traceparent": span.parent}) if span.parent else None
        self._record(span, asked)

    def flush(self) -> None:
        self._provider.force_flush(int(self._timeout_s * 1000))

    def close(self) -> None:
        self._provider.shutdown()

    def _record(self, span: Span, within: "Context | None") -> None:
        from opentelemetry import trace

        made = self._tracer.start_span(
            span.name,
            context=within or trace.set_span_in_context(trace.INVALID_SPAN),
            kind=_kind(span.kind),
            attributes=dict(span.attributes),
            start_time=_nanoseconds(span.start_utc),
        )
        if span.error:
            made.set_attribute("error.type", span.error)
            made.set_status(trace.Status(trace.StatusCode.ERROR, span.error))
        inside = trace.set_span_in_context(made)
        for child in span.children:
            self._record(child, inside)
        made.end(_nanoseconds(span.end_utc))


def parse_headers(text: str) -> dict[str, str]:
    """`NAME=VALUE,NAME=VALUE`. Raises ValueError that shows no value."""
    found = {}
    for number, pair in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        name, equals, value = pair.partition("=")
        if not (name.strip() and equals):
            raise ValueError(f"part {number} is not NAME=VALUE")
        found[name.strip().lower()] = value.strip()
    return found


def _exporter(collector: Collector) -> "SpanExporter":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=collector.endpoint, headers=dict(collector.headers), timeout=collector.timeout_s)


def _kind(kind: SpanKind) -> "Theirs":
    from opentelemetry.trace import SpanKind as Theirs

    return Theirs[kind.name]


def _nanoseconds(at_utc: datetime) -> int:
    return int(at_utc.timestamp() * 1_000_000) * 1_000
