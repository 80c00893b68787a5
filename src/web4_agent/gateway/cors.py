"""Lets the web pages that the settings name read answers in a browser: preflights answered, headers exposed.

Called by the app, outside the guard, because a browser's preflight carries no key. Only the origins given are answered,
each by its name; there is no wildcard and there are no cookies, so that a page has what its key gives it and no more.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from web4_agent.domain.errors import SettingsError

EXPOSED = (
    "x-web4-response-id",
    "x-web4-route",
    "x-web4-reason",
    "x-web4-adapter",
    "x-web4-sources",
    "retry-after",
)
METHODS = ("GET", "HEAD", "POST")
MAX_AGE_S = 600
"""How long a browser asks no second time: a setting that is changed counts after ten minutes."""


def origins_of(setting: str) -> frozenset[str]:
    """The origins in `gateway.origins`, as browsers write them. Raises SettingsError for what is none."""
    return frozenset(_origin(word) for word in setting.split())


def add_cors(app: Starlette, origins: Sequence[str]) -> None:
    """To be called last: what is added last stands outermost. Does nothing without origins."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=METHODS,
            allow_headers=["*"],  # whatever is asked for by name: SDKs send a dozen of their own
            allow_private_network=True,  # a public page asks the loopback address of its visitor's machine
            expose_headers=EXPOSED,
            max_age=MAX_AGE_S,
        )


def readable(request: Request, answer: Response, origins: frozenset[str]) -> Response:
    """The same for an answer that is made outside of all middleware: the one after a bug."""
    origin = request.headers.get("origin")
    if origin in origins:
        headers = MutableHeaders(raw=answer.raw_headers)
        headers["access-control-allow-origin"] = origin
        headers.add_vary_header("Origin")
    return answer


def _origin(word: str) -> str:
    """Scheme, host and port. Another form would never equal a browser's, and `*` or `null` would let anybody in."""
    parts = urlsplit(word)
    found = f"{parts.scheme}://{parts.netloc}".lower()
    if not parts.scheme or not parts.netloc or "*" in word or "@" in word or found != word.lower().rstrip("/"):
        raise SettingsError(
            f"gateway.origins: {word!r} is no origin",
            'write scheme and host alone: origins = "https://chat.example.org"',
        )
    return found
