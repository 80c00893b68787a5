"""One request from its question to its last byte: route, look up, wait for a place, ask the engine, tell, log.

Called by the OpenAI and the Ollama edge with a request in OpenAI's words and a maker of writers for its dialect.
Whatever happens, each request ends up in the log exactly once, under the adapter of the engine that was asked.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from web4_agent.domain.queries import Interaction, Route, RouteDecision, Status
from web4_agent.flows.serving import ServingParts, prepare
from web4_agent.gateway.exchange import Exchange
from web4_agent.gateway.metrics import Metrics
from web4_agent.gateway.request_trace import UNTRACED, RequestTracer
from web4_agent.gateway.upstream import Upstream
from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.forced_calls import ForcedCalls
from web4_agent.gateway.wire.openai import Body, json_object, questions_of, with_context
from web4_agent.gateway.wire.stream import Label, SseReader, Writer
from web4_agent.steps.retrieval.filters import EVERYTHING, Filters
from web4_agent.steps.route import Wish

_log = logging.getLogger(__name__)

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"

MakeWriter = Callable[[Label], Writer]
Result = TypeVar("Result")


class ClientGone(Exception):
    """The client left before its answer was whole."""


@dataclass(frozen=True, slots=True)
class RelayParts:
    """`log` takes one row a request and must not block. `model` is the name clients know."""

    serving: ServingParts
    upstream: Upstream
    log: Callable[[Interaction], None]
    metrics: Metrics
    model: str
    show_sources: bool = True
    tracer: RequestTracer = UNTRACED


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the relay takes it: `body` in OpenAI's words, `path` the engine's.

    `wants_json`: the answer is to be JSON. `calls`: what is in place of it where a call is forced. `prose`: false where
    the answer is read by a program (JSON, plain completions), so that nothing is added to it.
    """

    request: Request
    endpoint: str
    client: str
    body: Body
    path: str = CHAT
    wish: Wish = Wish.AUTO
    filters: Filters = EVERYTHING
    prose: bool = True
    wants_json: bool = False
    calls: ForcedCalls | None = None


async def answer(parts: RelayParts, asked: Asked, writer: MakeWriter) -> Response:
    """The response to a chat or a completion. Raises Refused for what the client is told instead, and ClientGone."""
    exchange = _exchange(parts, asked)
    held = AsyncExitStack()
    try:
        if exchange.stream:
            upstream = await until_gone(asked.request, _open(parts, asked, exchange, held))
            out = writer(_label(parts, asked, exchange))
            return _Streamed(parts, exchange, held, upstream, (out, asked.calls))
        body = await until_gone(asked.request, _whole(parts, asked, exchange, held))
        content = writer(_label(parts, asked, exchange)).whole(body)
    except BaseException as error:
        await end(parts, exchange, held, error)
        raise
    await end(parts, exchange, held)
    return Response(content, media_type="application/json", headers=exchange.headers)


async def until_gone(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """The result of `work`, which is cancelled when the client leaves first. Raises ClientGone then."""
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request.receive))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientGone
        return doing.result()
    finally:
        leaving.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})


async def end(parts: RelayParts, exchange: Exchange, held: AsyncExitStack, error: BaseException | None = None) -> None:
    """Give place, engine and connection back, and write the log's row."""
    if isinstance(error, Refused):
        exchange.fail(error)
    elif isinstance(error, ClientGone | asyncio.CancelledError):
        exchange.status = Status.CANCELLED
    elif error is not None:
        exchange.status, exchange.error = Status.ERROR, f"{type(error).__name__}: {error}"
        exchange.error_code = type(error).__name__
    await held.aclose()
    row = exchange.interaction()
    parts.log(row)
    parts.metrics.answered(row)
    parts.tracer.ended(exchange, parts.model)
    _log_line(row)


class _Streamed(Response):
    """Sends an answer event by event while the engine writes it; stops the engine when the client leaves."""

    def __init__(
        self,
        parts: RelayParts,
        exchange: Exchange,
        held: AsyncExitStack,
        upstream: aiohttp.ClientResponse,
        made_by: tuple[Writer, ForcedCalls | None],
    ) -> None:
        writer, self._calls = made_by
        self._parts = parts
        self._exchange = exchange
        self._held = held
        self._upstream = upstream
        self._writer = writer
        self.background = None
        self.status_code = 200
        self.body = b""
        self.media_type = writer.content_type
        self.init_headers({**exchange.headers, "cache-control": "no-cache"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error: BaseException | None = None
        try:
            await until_gone(Request(scope, receive), self._pump(send))
        except ClientGone as gone:
            error = gone
        except BaseException as other:
            error = other
            raise
        finally:
            await end(self._parts, self._exchange, self._held, error)

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        reader = SseReader()
        try:
            async for data in self._upstream.content.iter_any():
                if out := b"".join(map(self._written, reader.feed(data))):
                    await send({"type": "http.response.body", "body": out, "more_body": True})
            if not self._exchange.tally.finish and not self._exchange.tally.error:
                raise aiohttp.ClientPayloadError("the stream ended before the answer did")
            last = self._writer.end()
        except Refused as refused:
            last = self._failed(refused)
        except (aiohttp.ClientError, TimeoutError) as error:
            last = self._failed(self._parts.upstream.broken(self._exchange, error))
        await send({"type": "http.response.body", "body": last, "more_body": False})

    def _written(self, event: Body) -> bytes:
        """Raises Refused when the event is the engine's report of a failure."""
        if self._calls is not None:
            event = self._calls.event(event)
        self._exchange.note(event)
        if self._exchange.tally.error:
            raise Refused(502, f"the engine failed: {self._exchange.tally.error}", "engine_error")
        return self._writer.event(event)

    def _failed(self, refused: Refused) -> bytes:
        self._exchange.fail(refused)
        return self._writer.broken(refused)


def _exchange(parts: RelayParts, asked: Asked) -> Exchange:
    messages = asked.body.get("messages")
    if messages is None:
        prompt = asked.body.get("prompt") or ""
        question = prompt if isinstance(prompt, str) else str(prompt[0])
        decision = RouteDecision(Route.TRAINED, "a plain completion is the model's alone")
    else:
        question, *before = questions_of(messages) or [""]
        decision = parts.serving.route(question, asked.wish, before)
    stream = bool(asked.body.get("stream"))
    path, parent = asked.request.url.path, asked.request.headers.get("traceparent", "")
    return Exchange(asked.endpoint, asked.client, question, decision, stream, asked.wants_json, path, parent)


async def _open(parts: RelayParts, asked: Asked, exchange: Exchange, held: AsyncExitStack) -> aiohttp.ClientResponse:
    body = asked.body
    if exchange.decision.retrieves or exchange.decision.tools:
        exchange.prepared = await asyncio.to_thread(
            prepare, parts.serving, exchange.question, exchange.decision, asked.filters
        )
        if exchange.prepared.block:
            body = {**body, "messages": with_context(body["messages"], exchange.prepared.block)}
    if asked.calls is not None:
        body = asked.calls.asked(body)
    return await parts.upstream.ask(exchange, asked.path, body, held)


async def _whole(parts: RelayParts, asked: Asked, exchange: Exchange, held: AsyncExitStack) -> Body:
    upstream = await _open(parts, asked, exchange, held)
    try:
        body = json_object(await upstream.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        raise parts.upstream.broken(exchange, error) from error
    except Refused as refused:
        raise Refused(502, "the engine's answer is no JSON", "engine_error") from refused
    if asked.calls is not None:
        body = asked.calls.whole(body)
    exchange.note(body)
    return body


def _log_line(row: Interaction) -> None:
    """The one line of a request. What was asked, what was answered and what an error quotes is not in it."""
    _log.info(
        "gateway.request response=%s endpoint=%s route=%s status=%s adapter=%s seconds=%.3f first_token_s=%.3f "
        "retrieval_s=%.3f tokens_in=%d tokens_out=%d sources=%d stream=%s flaw=%s",
        row.response, row.endpoint, row.route, row.status, row.adapter, row.latency_ms / 1000,
        row.first_token_ms / 1000, row.retrieval_ms / 1000, row.tokens_in, row.tokens_out, len(row.sources),
        row.stream, row.flaw or "none",
    )  # fmt: skip


def _label(parts: RelayParts, asked: Asked, exchange: Exchange) -> Label:
    return exchange.label(parts.model, shows_sources=asked.prose and parts.show_sources)


async def _left(receive: Receive) -> None:
    """Returns when the client is gone. The body has been read, so nothing else comes."""
    while (await receive())["type"] != "http.disconnect":
        pass
