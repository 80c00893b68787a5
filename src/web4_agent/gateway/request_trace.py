"""One request as a trace: the request, what was looked up for it, its wait, and the engine's part.

Called by the relay when a request has ended. What was asked and answered is in it only where a setting says so; the key
of who asked, and the reason of a route, which may quote the question, never are.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from web4_agent.backends.tracing.base import Tracer
from web4_agent.backends.tracing.untraced import Untraced
from web4_agent.domain import trace_names as names
from web4_agent.domain.queries import Status
from web4_agent.domain.traces import Span, SpanKind, Value
from web4_agent.gateway.exchange import Exchange

_COMPLETIONS = {"completion", "ollama generate"}


@dataclass(frozen=True, slots=True)
class RequestTracer:
    """`share` of the requests is traced. `content`: questions and answers, too. `engine`: what answers, by its kind."""

    tracer: Tracer
    share: float = 1.0
    content: bool = False
    engine: str = ""
    draw: Callable[[], float] = random.random

    def ended(self, exchange: Exchange, model: str) -> None:
        if self.tracer.wants and self.draw() < self.share:
            self.tracer.record(request_span(self, exchange, model))


UNTRACED = RequestTracer(Untraced())


def request_span(told: RequestTracer, exchange: Exchange, model: str) -> Span:
    """`exchange` has ended. `model` is the name that clients know."""
    start = exchange.at_utc
    end = _after(start, exchange.elapsed_ms)
    attributes: dict[str, Value] = {
        names.HTTP_METHOD: "POST",
        names.URL_PATH: exchange.path,
        names.ENDPOINT: exchange.endpoint,
        names.ROUTE: exchange.decision.route.value,
        names.ADAPTER: str(exchange.version),
        names.RESPONSE_ID: exchange.response,
    }
    return Span(
        f"POST {exchange.path}",
        start,
        end,
        SpanKind.SERVER,
        attributes,
        _error(exchange),
        tuple(_children(told, exchange, model, end)),
        exchange.traceparent,
    )


def _children(told: RequestTracer, exchange: Exchange, model: str, end: datetime) -> list[Span]:
    start, prepared = exchange.at_utc, exchange.prepared
    found, looked = [], _after(start, prepared.retrieval_ms)
    if prepared.retrieval_ms:
        attributes: dict[str, Value] = {
            names.OPERATION: names.RETRIEVAL,
            names.SOURCES: len(prepared.uses),
            names.COLLECTIONS: tuple(prepared.collections),
            names.HOT_HITS: prepared.hot_hits,
        }
        error = "retrieval_failed" if prepared.missed else ""
        found.append(Span(names.RETRIEVAL, start, looked, SpanKind.INTERNAL, attributes, error))
    if not exchange.asked_ms:  # it never came to an engine
        return found
    asked = _after(start, exchange.asked_ms)
    found.append(Span("queue", min(looked, asked), asked))
    found.append(_engine(told, exchange, model, (asked, end)))
    return found


def _engine(told: RequestTracer, exchange: Exchange, model: str, within: tuple[datetime, datetime]) -> Span:
    tally = exchange.tally
    operation = names.TEXT_COMPLETION if exchange.endpoint in _COMPLETIONS else names.CHAT
    attributes: dict[str, Value] = {
        names.OPERATION: operation,
        names.PROVIDER: told.engine,
        names.REQUEST_MODEL: model,
        names.REQUEST_STREAM: exchange.stream,
        names.RESPONSE_MODEL: str(exchange.version),
        names.RESPONSE_ID: exchange.response,
        names.INPUT_TOKENS: tally.tokens_in,
        names.OUTPUT_TOKENS: tally.tokens_out,
    }
    if tally.finish:
        attributes[names.FINISH_REASONS] = (tally.finish,)
    if exchange.first_token_ms:
        attributes[names.TIME_TO_FIRST_CHUNK] = max(0.0, exchange.first_token_ms - exchange.asked_ms) / 1000
    if told.content:
        attributes[names.INPUT_MESSAGES] = _message("user", exchange.question)
        attributes[names.OUTPUT_MESSAGES] = _message("assistant", tally.answer)
    return Span(f"{operation} {model}", *within, SpanKind.CLIENT, attributes, _error(exchange))


def _error(exchange: Exchange) -> str:
    if exchange.status is Status.OK:
        return ""
    return exchange.error_code or exchange.status.value


def _message(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}], ensure_ascii=False)


def _after(start: datetime, milliseconds: float) -> datetime:
    return start + timedelta(milliseconds=milliseconds)
