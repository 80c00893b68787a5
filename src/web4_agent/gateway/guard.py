"""Stands before every endpoint: who asks is known or refused, and errors leave in the dialect of the path.

Called by the app. Plain ASGI, because it runs for each request of a stream.
"""

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web4_agent.gateway.access import Access
from web4_agent.gateway.dashboard.parts import PREFIX
from web4_agent.gateway.relay import ClientGone
from web4_agent.gateway.wire.errors import Refused, dialect_of, error_body

_log = logging.getLogger(__name__)
_OPEN_PATHS = {"/healthz", "/readyz"}
"""For those who only look whether it lives: a supervisor has no key."""
_CLIENT_CLOSED_REQUEST = 499


class Guard:
    """Puts the client's name into the scope as `web4_client`."""

    def __init__(self, app: ASGIApp, access: Access, refused: Callable[[int], None] = lambda status: None) -> None:
        self._app = app
        self._access = access
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _admit(scope, self._access)
        except Refused as refused:
            self._refused(refused.status)
            await refusal(scope["path"], refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def wants_page(headers: Headers) -> bool:
    """Whether a person's browser asks: programs that look whether it lives take anything."""
    return "text/html" in headers.get("accept", "")


def refusal(path: str, refused: Refused) -> Response:
    return Response(
        error_body(dialect_of(path), refused), refused.status, refused.headers, media_type="application/json"
    )


async def on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(request.url.path, error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """No such path, or not by this method."""
    assert isinstance(error, HTTPException)
    what = f"{request.method} {request.url.path[:100]}: {str(error.detail).lower()}"
    answer = refusal(request.url.path, Refused(error.status_code, what, "not_found"))
    answer.headers.update(error.headers or {})
    return answer


async def on_gone(_: Request, error: Exception) -> Response:
    """Nobody reads it; servers in front log the status."""
    assert isinstance(error, ClientGone)
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


async def on_bug(request: Request, error: Exception) -> Response:
    """The traceback goes to the log, its place and not its words to the client."""
    _log.error("gateway.bug path=%s", request.url.path, exc_info=error)
    refused = Refused(500, f"an error of the gateway ({type(error).__name__}); its log has the traceback", "bug")
    return refusal(request.url.path, refused)


def _admit(scope: MutableMapping[str, Any], access: Access) -> None:
    headers = Headers(raw=scope["headers"])
    path = scope["path"]
    if path in _OPEN_PATHS:
        return
    if path == PREFIX or path.startswith(f"{PREFIX}/") or (path == "/" and wants_page(headers)):
        access.check_host(headers.get)  # the dashboard's own door asks who it is
        return
    scope["web4_client"] = access.client(headers.get)
