"""Requests in protocols that only the engine speaks: sent on with its name of the model, the answer sent back as it is.

Called by the OpenAI edge for `/v1/messages` and `/v1/responses`. Nothing is looked up for them; the log has their row.
"""

from contextlib import AsyncExitStack

import aiohttp
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from web4_agent.domain.queries import Route, RouteDecision
from web4_agent.gateway.exchange import Exchange
from web4_agent.gateway.relay import ClientGone, RelayParts, end, until_gone
from web4_agent.gateway.wire.errors import Refused, dialect_of, error_body
from web4_agent.gateway.wire.openai import Body, json_object, text_of

_REASON = "the engine's own protocol is passed on"


async def pass_on(parts: RelayParts, request: Request, client: str, body: Body) -> Response:
    """Raises Refused: 404 where the engine does not speak the protocol, as the relay else."""
    path = request.url.path
    decision = RouteDecision(Route.TRAINED, _REASON)
    exchange = Exchange(
        path.removeprefix("/v1/"),
        client,
        _question(body),
        decision,
        stream=bool(body.get("stream")),
        path=path,
        traceparent=request.headers.get("traceparent", ""),
    )
    held = AsyncExitStack()
    try:
        upstream = await until_gone(request, parts.upstream.ask(exchange, path, body, held))
    except BaseException as error:
        if isinstance(error, Refused) and error.status in {404, 405, 501}:
            error = Refused(404, f"the engine does not speak {path}", "not_found")
        await end(parts, exchange, held, error)
        raise error from None
    if exchange.stream:
        return _PassedOn(parts, exchange, held, upstream)
    return await _whole(parts, request, exchange, held, upstream)


async def _whole(
    parts: RelayParts, request: Request, exchange: Exchange, held: AsyncExitStack, upstream: aiohttp.ClientResponse
) -> Response:
    try:
        found = json_object(await until_gone(request, upstream.read()))
        found["model"] = parts.model
        usage = found.get("usage") or {}
        exchange.tally.tokens_in = int(usage.get("input_tokens") or 0)
        exchange.tally.tokens_out = int(usage.get("output_tokens") or 0)
    except (aiohttp.ClientError, TimeoutError) as error:
        refused = parts.upstream.broken(exchange, error)
        await end(parts, exchange, held, refused)
        raise refused from error
    except BaseException as error:
        await end(parts, exchange, held, error)
        raise
    await end(parts, exchange, held)
    return Response(orjson.dumps(found), media_type="application/json", headers=exchange.headers)


class _PassedOn(Response):
    """The engine's bytes, as they come."""

    def __init__(
        self, parts: RelayParts, exchange: Exchange, held: AsyncExitStack, upstream: aiohttp.ClientResponse
    ) -> None:
        self._parts = parts
        self._exchange = exchange
        self._held = held
        self._upstream = upstream
        self.background = None
        self.status_code = 200
        self.body = b""
        self.media_type = upstream.headers.get("content-type", "application/json")
        self.init_headers(exchange.headers)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error: BaseException | None = None
        try:
            await until_gone(Request(scope, receive), self._copy(scope, send))
        except ClientGone as gone:
            error = gone
        except BaseException as other:
            error = other
            raise
        finally:
            await end(self._parts, self._exchange, self._held, error)

    async def _copy(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        last = b""
        try:
            async for data in self._upstream.content.iter_any():
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except (aiohttp.ClientError, TimeoutError) as error:
            refused = self._parts.upstream.broken(self._exchange, error)
            self._exchange.fail(refused)
            last = error_body(dialect_of(scope["path"]), refused)
        await send({"type": "http.response.body", "body": last, "more_body": False})


def _question(body: Body) -> str:
    said = body.get("messages") or body.get("input") or ""
    if isinstance(said, str):
        return said
    last = said[-1] if isinstance(said, list) and said else {}
    return text_of(last.get("content")) if isinstance(last, dict) else ""
