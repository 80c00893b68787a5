"""One gateway for what is told of requests, whose spans go to a list, or for one test to somewhere else."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.gateway.running import Running, make_runtime, started
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.backends.tracing.base import Tracer
from web4_agent.backends.tracing.kept import KeptSpans
from web4_agent.domain.traces import Span


@dataclass
class Points:
    """A tracer that hands on to another, and can be pointed elsewhere while the gateway runs."""

    to: Tracer
    wants: bool = field(default=True, init=False)

    def record(self, span: Span) -> None:
        self.to.record(span)

    def close(self) -> None:
        self.to.close()


@dataclass
class Traced:
    gateway: Running
    tracer: Points
    spans: list[Span]

    def ask(self, question: str, **more: object) -> Span:
        """The span of one request, which there is once its row is in the log."""
        before = len(self.spans)
        self.gateway.logged(self.gateway.chat(question, **more).headers["x-web4-response-id"])
        (span,) = self.spans[before:]
        return span


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    kept = KeptSpans()
    tracer = Points(kept)
    launcher = ScriptedLauncher(Script(answers={}))
    runtime = make_runtime(tmp_path_factory.mktemp("traced"), {}, launcher)
    runtime.__dict__["tracer"] = tracer
    with started(runtime, launcher) as gateway:
        yield Traced(gateway, tracer, kept.spans)
    runtime.close()
    assert kept.closed
