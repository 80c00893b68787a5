"""Stands before every page of the dashboard: whose browser it is, whether another site sent it, what the page may do.

Plain ASGI around the dashboard's own application. Beyond loopback nobody passes but to sign in. Answers leave with the
headers that keep a page from running, loading or sending anything that is not ours.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web4_agent.gateway.access import Access
from web4_agent.gateway.dashboard.parts import PREFIX
from web4_agent.gateway.dashboard.sessions import LASTS_S, Sessions, new_cookie

COOKIE = "web4_session"
LOOPBACK_NAME = "dashboard"
"""The client's name of thumbs that are given on loopback, where nobody signs in."""
SIGN_IN = f"{PREFIX}/login"
STATIC = f"{PREFIX}/static/"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with less, a browser hides the origin of a form that is sent
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_ONCE_MORE = '<!doctype html><meta http-equiv="refresh" content="0"><title>Web4 Agent</title>'
_PORTS = {"http": "80", "https": "443"}
_SAFE = {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class Visitor:
    """`cookie` is what this browser is known by, signed in or not. `signs_in`: names come from keys here."""

    name: str
    cookie: str
    known: bool
    signs_in: bool


class Door:
    """Puts the visitor into the scope as `web4_visitor`."""

    def __init__(self, app: ASGIApp, access: Access, sessions: Sessions) -> None:
        self._app = app
        self._access = access
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(raw=scope["headers"])
        visitor, fresh = self._visitor(headers)
        scope["web4_visitor"] = visitor
        stranger = _stranger(headers)
        fresh = fresh and stranger is None
        answer = stranger or self._refusal(scope, headers, visitor)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(raw=message["headers"])
                found.update(HEADERS)
                found.setdefault("cache-control", "no-store")
                if fresh and not scope["path"].startswith(STATIC):
                    found.append("set-cookie", cookie_header(visitor.cookie, secure=scope["scheme"] == "https"))
            await send(message)

        await (answer or self._app)(scope, receive, guarded)

    def _visitor(self, headers: Headers) -> tuple[Visitor, bool]:
        """Who it is, and whether the cookie is new to the browser."""
        cookie = _cookie(headers.get("cookie", ""))
        wide = self._access.wide
        key = self._sessions.key_of(cookie) if cookie else None
        name = self._access.keys.get(key) if key is not None else None
        shown = cookie or new_cookie()
        if not wide:
            return Visitor(LOOPBACK_NAME, shown, known=True, signs_in=False), not cookie
        return Visitor(name or "", shown, known=name is not None, signs_in=True), not cookie

    def _refusal(self, scope: Scope, headers: Headers, visitor: Visitor) -> Response | None:
        path = scope["path"]
        if visitor.known or path == SIGN_IN or path.startswith(STATIC):
            return None
        wanted = path if scope["method"] in _SAFE else f"{PREFIX}/"
        place = f"{SIGN_IN}?next={quote(wanted)}"
        if headers.get("hx-request"):
            return PlainTextResponse("sign in first", 401, headers={"hx-redirect": place})
        return RedirectResponse(place, 303)


def visitor_of(request: Request) -> Visitor:
    found: Any = request.scope["web4_visitor"]
    assert isinstance(found, Visitor)
    return found


def cookie_header(value: str, *, secure: bool) -> str:
    """Unreadable for scripts, never sent along by another site, gone after half a day."""
    parts = f"{COOKIE}={value}; Path={PREFIX}; Max-Age={int(LASTS_S)}; HttpOnly; SameSite=Strict"
    return f"{parts}; Secure" if secure else parts


def _stranger(headers: Headers) -> Response | None:
    """A request that a page of elsewhere made, refused: by its origin, and by what the browser says of it.

    A link of elsewhere that a person followed may lead here, but brings no cookie along: the page asks once more, by
    itself, and then is our own.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and not _same(origin, headers.get("host", "")):
        return PlainTextResponse(f"pages of {origin[:100]} may not ask here\n", 403)
    if site not in {"cross-site", "same-site"}:
        return None
    if headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document":
        return HTMLResponse(_ONCE_MORE)
    return PlainTextResponse("pages of elsewhere may not ask here\n", 403)


def _same(origin: str, host: str) -> bool:
    """Whether the origin is this host's. The scheme is left out: a proxy in front may speak TLS for us."""
    try:
        parts, here = urlsplit(origin), urlsplit(f"//{host}")
        named, asked = parts.port, here.port
    except ValueError:
        return False
    standard = _PORTS.get(parts.scheme)
    if standard is None or not parts.hostname:
        return False
    return parts.hostname == here.hostname and str(named or standard) == str(asked or standard)


def _cookie(header: str) -> str:
    """As browsers send them; the odd cookie of another program on this host does not hide ours."""
    return cookie_parser(header).get(COOKIE, "")[:100]
