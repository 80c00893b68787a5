"""Traces: what spans a request and a night make, what is never in them, and that a collector can't hurt an answer."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanContext

from tests.flows.fakes import World
from tests.gateway.running import make_runtime, running
from tests.observability.conftest import Traced
from web4_agent import settings
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.backends.tracing.kept import KeptSpans
from web4_agent.backends.tracing.otel import Collector, OtelTracer, parse_headers
from web4_agent.backends.tracing.untraced import Untraced
from web4_agent.domain import trace_names as names
from web4_agent.domain.errors import SettingsError
from web4_agent.domain.ids import RunId
from web4_agent.domain.queries import Route, RouteDecision
from web4_agent.domain.runs import Run, RunState, StepRecord
from web4_agent.domain.traces import Span, SpanKind
from web4_agent.flows.night.trace import night_span
from web4_agent.gateway.exchange import Exchange
from web4_agent.gateway.request_trace import RequestTracer

QUESTION = "Which decision about the harbour did we record in the journal?"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_request_is_a_span_with_retrieval_wait_and_engine_in_it(traced: Traced) -> None:
    span = traced.ask(QUESTION)
    assert (span.name, span.kind, span.error) == ("POST /v1/chat/completions", SpanKind.SERVER, "")
    assert span.attributes[names.ROUTE] == "history"
    looked, queue, engine = span.children
    assert [one.name for one in span.children] == ["retrieval", "queue", "chat web4-agent:latest"]
    assert looked.attributes[names.OPERATION] == names.RETRIEVAL
    assert engine.attributes[names.PROVIDER] == "scripted"
    assert engine.attributes[names.REQUEST_MODEL] == "web4-agent:latest"
    assert engine.attributes[names.RESPONSE_MODEL] == span.attributes[names.ADAPTER]
    assert int(str(engine.attributes[names.OUTPUT_TOKENS])) > 0
    assert engine.attributes[names.FINISH_REASONS] == ("stop",)
    assert span.start_utc <= looked.end_utc <= queue.end_utc <= engine.start_utc <= engine.end_utc == span.end_utc


def test_neither_question_nor_answer_nor_client_is_in_a_span(traced: Traced) -> None:
    told = repr(traced.ask(QUESTION))
    for word in ("harbour", "decision about", "127.0.0.1"):
        assert word not in told
    assert names.INPUT_MESSAGES not in told


def test_a_stream_is_traced_when_it_has_ended(traced: Traced) -> None:
    span = traced.ask("a stream, please", stream=True)
    assert span.children[-1].attributes[names.REQUEST_STREAM] is True
    assert names.TIME_TO_FIRST_CHUNK in span.children[-1].attributes


def test_an_answer_that_fails_names_what_failed_and_quotes_nothing(traced: Traced) -> None:
    before = len(traced.spans)
    assert traced.gateway.chat("fail").status_code == 502
    (span,) = traced.spans[before:]
    assert (span.error, span.children[-1].error) == ("engine_error", "engine_error")


def exchange(question: str = "Say harbour", answer: str = "harbour") -> Exchange:
    """One that has ended, as the relay leaves it."""
    ended = Exchange("chat", "alice", question, RouteDecision(Route.TRAINED, "it asks for no record"), asked_ms=0.1)
    ended.note({"choices": [{"message": {"content": answer}, "finish_reason": "stop"}]})
    return ended


def test_with_the_setting_the_engine_s_span_holds_both() -> None:
    spans = KeptSpans()
    RequestTracer(spans, content=True).ended(exchange(), "web4-agent")
    engine = spans.spans[0].children[-1]
    said = json.loads(str(engine.attributes[names.INPUT_MESSAGES]))
    assert said == [{"role": "user", "parts": [{"type": "text", "content": "Say harbour"}]}]
    (answered,) = json.loads(str(engine.attributes[names.OUTPUT_MESSAGES]))
    assert (answered["role"], answered["parts"][0]["content"]) == ("assistant", "harbour")
    assert "alice" not in repr(spans.spans)


def test_a_share_of_the_requests_is_traced() -> None:
    draws = iter([0.2, 0.9, 0.4])
    spans = KeptSpans()
    told = RequestTracer(spans, share=0.5, draw=lambda: next(draws))
    for _ in range(3):
        told.ended(exchange(), "web4-agent")
    assert len(spans.spans) == 2
    RequestTracer(spans, share=0.0).ended(exchange(), "web4-agent")
    assert len(spans.spans) == 2


# OpenTelemetry's own


def memory() -> tuple[OtelTracer, InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    return OtelTracer("web4-test", None, kept), kept


def a_span(**more: Any) -> Span:
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    child = Span("chat m", start, start + timedelta(seconds=2), SpanKind.CLIENT, {names.OPERATION: names.CHAT})
    return replace(Span("POST /x", start, start + timedelta(seconds=3), SpanKind.SERVER, children=(child,)), **more)


def sent(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def context_of(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def test_spans_reach_opentelemetry_with_times_kinds_and_kinship() -> None:
    tracer, exporter = memory()
    tracer.record(a_span())
    tracer.flush()
    found = sent(exporter)
    parent, child = found["POST /x"], found["chat m"]
    assert parent.resource.attributes["service.name"] == "web4-test"
    assert (parent.end_time or 0) - (parent.start_time or 0) == 3_000_000_000
    assert child.parent is not None
    assert child.parent.span_id == context_of(parent).span_id
    assert (parent.kind.name, child.kind.name) == ("SERVER", "CLIENT")
    assert parent.parent is None
    tracer.close()


def test_a_client_that_traces_is_the_parent() -> None:
    tracer, exporter = memory()
    tracer.record(a_span(parent=PARENT))
    tracer.record(a_span(parent="not a traceparent"))
    tracer.flush()
    first, second = [one for one in exporter.get_finished_spans() if one.name == "POST /x"]
    assert format(context_of(first).trace_id, "032x") == PARENT.split("-")[1]
    assert second.parent is None
    tracer.close()


def test_an_error_is_a_status_and_a_type() -> None:
    tracer, exporter = memory()
    tracer.record(a_span(error="engine_timeout"))
    tracer.flush()
    found = sent(exporter)["POST /x"]
    assert found.attributes is not None
    assert (found.status.status_code.name, found.attributes[names.ERROR_TYPE]) == ("ERROR", "engine_timeout")
    tracer.close()


class Failing(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        raise OSError("the collector is gone")


def test_an_exporter_that_fails_breaks_no_answer(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = OtelTracer("web4-test", None, Failing())
    monkeypatch.setattr(traced.tracer, "to", tracer)
    assert traced.gateway.chat("hello").status_code == 200
    tracer.flush()
    assert traced.gateway.chat("hello again").status_code == 200
    tracer.close()


class Receiver(BaseHTTPRequestHandler):
    got: list[tuple[str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def test_a_collector_over_http_gets_the_request_s_spans_with_the_headers(tmp_path: Path) -> None:
    class Here(Receiver):
        got: list[tuple[str, dict[str, str], bytes]] = []  # noqa: RUF012 - one for this test

    server = HTTPServer(("127.0.0.1", 0), Here)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/v1/traces"
    with running(
        tmp_path, Script(answers={}), tracing__endpoint=address, tracing__headers="authorization=Bearer s3cret"
    ) as one:
        one.logged(one.chat("Say harbour").headers["x-web4-response-id"])
        one.runtime.tracer.close()
    server.shutdown()
    server.server_close()
    path, headers, body = Here.got[0]
    assert path == "/v1/traces"
    assert headers["authorization"] == "Bearer s3cret"
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    spans = [span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans]
    assert {"POST /v1/chat/completions", "chat web4-agent:latest"} <= {span.name for span in spans}
    assert b"harbour" not in body


# Settings and names


def test_without_the_setting_opentelemetry_s_sdk_is_not_even_loaded(tmp_path: Path) -> None:
    """In a process of its own. The vector store would bring the SDK along."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "web4.toml").write_text(settings.as_toml(), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from web4_agent.bootstrap import open_unchecked\n"
        "import web4_agent.gateway.request_trace, web4_agent.flows.night\n"
        f"runtime = open_unchecked(Path({str(home)!r})); print(type(runtime.tracer).__name__)\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == [Untraced.__name__, "[]"], done.stderr


def test_headers_are_read_and_a_wrong_one_is_named_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parse_headers(" Authorization=Bearer a=b , x-team=web4 ") == {
        "authorization": "Bearer a=b",
        "x-team": "web4",
    }
    with pytest.raises(ValueError, match="part 2") as wrong:
        parse_headers("a=b,s3cret")
    assert "s3cret" not in str(wrong.value)
    monkeypatch.setenv("WEB4_TRACING__HEADERS", "s3cret")
    monkeypatch.setenv("WEB4_TRACING__ENDPOINT", "http://127.0.0.1:9/v1/traces")
    runtime = make_runtime(tmp_path, {}, ScriptedLauncher())
    with pytest.raises(SettingsError, match=r"tracing\.headers") as refused:
        _ = runtime.tracer
    assert "s3cret" not in str(refused.value)
    runtime.close()


def test_a_collector_s_headers_are_not_in_what_is_printed_of_it() -> None:
    assert "s3cret" not in repr(Collector("http://x", {"authorization": "s3cret"}))


def test_the_names_are_those_of_the_conventions() -> None:
    known = {value for key, value in vars(gen_ai_attributes).items() if key.startswith("GEN_AI_")}
    ours = {value for key, value in vars(names).items() if key.isupper() and str(value).startswith("gen_ai.")}
    assert len(ours) >= 10
    assert ours <= known, ours - known
    operations = {one.value for one in gen_ai_attributes.GenAiOperationNameValues}
    assert {names.CHAT, names.TEXT_COMPLETION, names.RETRIEVAL} <= operations


def test_no_other_file_writes_such_a_name() -> None:
    package = Path(names.__file__).parents[1]
    for path in package.rglob("*.py"):
        if path.name != "trace_names.py":
            assert '"gen_ai.' not in path.read_text(encoding="utf-8"), path


# Nights


def test_a_night_is_a_span_with_a_child_for_each_step_in_order() -> None:
    start = datetime(2026, 3, 2, 22, tzinfo=UTC)
    run = Run(RunId("r-1"), "night", date(2026, 3, 2), RunState.OPEN, start)
    secret = '{"text": "harbour"}'
    steps = [
        StepRecord(run.id, "train", 300.0, start + timedelta(seconds=320), secret, 1_000),
        StepRecord(run.id, "collect", 5.0, start + timedelta(seconds=6), secret),
    ]
    span = night_span(run, steps, start + timedelta(seconds=400), RunState.PROMOTED)
    assert [one.name for one in span.children] == ["night collect", "night train"]
    assert (span.children[1].end_utc - span.children[1].start_utc).total_seconds() == 300
    assert span.attributes[names.STATE] == "promoted"
    assert "harbour" not in repr(span)
    assert night_span(run, steps, start, "open", "TrainingError").error == "TrainingError"


def test_a_night_that_stopped_is_told_and_then_whole_when_it_went_on(tmp_path: Path) -> None:
    world = World(tmp_path).write_journal()
    world.index()
    spans: list[Span] = []

    def reached(point: str) -> None:
        if point == "collect.committed":
            raise RuntimeError("a bug about the harbour")

    with pytest.raises(RuntimeError):
        world.night(traced=spans.append, reached=reached)
    report = world.night(train=False, traced=spans.append)
    stopped, whole = spans
    assert (stopped.error, stopped.attributes[names.STATE]) == ("RuntimeError", "open")
    assert [one.name for one in stopped.children] == ["night collect"]
    assert (whole.error, whole.attributes[names.RUN]) == ("", report.run)
    assert [one.name for one in whole.children] == ["night collect", "night backup", "night prepare", "night report"]
    assert "harbour" not in repr(spans)
