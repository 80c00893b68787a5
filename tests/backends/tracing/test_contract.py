"""What every tracer keeps to: it takes spans from any thread, never raises, and may be closed twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from web4_agent.backends.tracing.base import Tracer
from web4_agent.backends.tracing.kept import KeptSpans
from web4_agent.backends.tracing.otel import OtelTracer
from web4_agent.backends.tracing.untraced import Untraced
from web4_agent.domain.traces import Span, SpanKind

START = datetime(2026, 3, 2, 22, tzinfo=UTC)
CHILD = Span("retrieval", START, START + timedelta(seconds=1), attributes={"web4.collections": ("a", "b")})
SPAN = Span("POST /x", START, START + timedelta(seconds=2), SpanKind.SERVER, {"web4.route": "both"}, "", (CHILD,))
MAKERS: list[Callable[[], Tracer]] = [
    Untraced,
    KeptSpans,
    lambda: OtelTracer("web4-test", None, InMemorySpanExporter()),
]


@pytest.fixture(params=MAKERS, ids=["untraced", "kept", "otel"])
def tracer(request: pytest.FixtureRequest) -> Tracer:
    made: Tracer = request.param()
    return made


def test_spans_are_taken_from_many_threads_at_once(tracer: Tracer) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tracer.record, [SPAN] * 100))
    tracer.close()
    if isinstance(tracer, KeptSpans):
        assert len(tracer.spans) == 100


def test_every_span_of_every_thread_is_exported_with_its_children() -> None:
    exporter = InMemorySpanExporter()
    tracer = OtelTracer("web4-test", None, exporter)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tracer.record, [SPAN] * 100))
    tracer.close()
    assert len(exporter.get_finished_spans()) == 200


def test_it_may_be_closed_twice_and_a_late_span_is_no_error(tracer: Tracer) -> None:
    tracer.close()
    tracer.close()
    tracer.record(SPAN)


def test_a_parent_that_is_none_is_no_error(tracer: Tracer) -> None:
    for parent in (
        "",
        "nonsense",
        "00-" + "0" * 32 + "-" + "0" * 16 + "-01",
        "\N{LATIN SMALL LETTER E WITH ACUTE}" * 500,
    ):
        tracer.record(Span("x", START, START, parent=parent))
    tracer.close()
