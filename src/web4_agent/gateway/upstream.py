"""Asking the engine: a place in the queue, a running engine, the request, and its refusals told apart.

Called by the relay. A pooled connection that the engine has just closed loses a request, so one is tried a second time
before the first byte came; after it, never.
"""

from contextlib import AsyncExitStack
from http import HTTPStatus

import aiohttp
import orjson

from web4_agent.gateway.admission import Admission
from web4_agent.gateway.engine_room import EngineRoom
from web4_agent.gateway.engine_standby import Held
from web4_agent.gateway.exchange import Exchange
from web4_agent.gateway.wire.errors import Refused
from web4_agent.gateway.wire.openai import Body, for_engine

_CONNECT_S = 5.0
_KEEP_ALIVE_S = 3.0
"""Below the five seconds after which llama.cpp closes an idle connection."""
_ERROR_BYTES = 16_384


class Upstream:
    """`timeout_s`: how long an engine may be silent."""

    def __init__(self, room: EngineRoom, admission: Admission, timeout_s: float) -> None:
        self.room = room
        self.admission = admission
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        await self.room.open()
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=self._timeout_s)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        await self.room.close()

    async def ask(self, exchange: Exchange, path: str, body: Body, held: AsyncExitStack) -> aiohttp.ClientResponse:
        """The engine's answer, its head read. Place, engine and connection are given back when `held` closes.

        Raises Refused: 503 with no place or no engine, 502 when it broke off, 504 when it was silent, its own status
        when it refused.
        """
        left_s = await held.enter_async_context(self.admission.slot())
        engine = await self.room.hold(left_s)
        held.callback(self.room.release, engine)
        exchange.version, exchange.asked_ms = engine.version, exchange.elapsed_ms
        answer = await self._post(engine, path, for_engine(body, engine.endpoint.model))
        held.callback(answer.close)
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer.status, await answer.content.read(_ERROR_BYTES))
        return answer

    def broken(self, exchange: Exchange, error: Exception) -> Refused:
        """What to tell a client whose answer broke off."""
        self.room.look()
        if isinstance(error, TimeoutError):
            return Refused(504, f"the engine said nothing for {self._timeout_s:g} s", "engine_timeout")
        return _stopped(exchange.version)

    async def _post(self, engine: Held, path: str, body: bytes) -> aiohttp.ClientResponse:
        assert self._session is not None
        headers = {"content-type": "application/json"}
        if engine.endpoint.api_key:
            headers["authorization"] = f"Bearer {engine.endpoint.api_key}"
        for last in (False, True):
            try:
                return await self._session.post(engine.endpoint.url + path, data=body, headers=headers)
            except TimeoutError as error:
                raise Refused(504, f"the engine said nothing for {self._timeout_s:g} s", "engine_timeout") from error
            except aiohttp.ClientError as error:
                self.room.look()
                if last or not engine.engine.alive:
                    raise _stopped(engine.version) from error
        raise AssertionError  # the second turn returns or raises


def _stopped(version: str) -> Refused:
    return Refused(
        502,
        f"the engine ({version}) stopped while it answered; it is being started again",
        "engine_stopped",
        retry_after_s=3,
    )


def _refusal(status: int, raw: bytes) -> Refused:
    """The engine's own words, under its own status where the fault is the request's."""
    message = raw[:500].decode("utf-8", "replace")
    try:
        found = orjson.loads(raw)
        said = found.get("error", found) if isinstance(found, dict) else found
        message = str(said.get("message", said) if isinstance(said, dict) else said)
    except orjson.JSONDecodeError:
        pass  # an engine that answers in plain text is quoted as it is
    if 400 <= status < 500 and status not in {401, 403}:
        return Refused(status, f"the engine refused the request: {message}", "engine_refused")
    return Refused(502, f"the engine failed with {status}: {message}", "engine_error")
