"""Signing in with an API key, where the gateway listens beyond loopback, and out again.

A key is 256 random bits: guessing needs no brake. What is kept is the session, never the key.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from web4_agent.flows.keys import key_hash
from web4_agent.gateway.dashboard.context import Context
from web4_agent.gateway.dashboard.door import cookie_header, visitor_of
from web4_agent.gateway.dashboard.parts import PREFIX
from web4_agent.gateway.dashboard.sessions import new_cookie

UNKNOWN = "This key is not known, or it was revoked."


class SignIn:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        wanted = _inside(request.query_params.get("next", ""))
        if visitor_of(request).known:
            return RedirectResponse(wanted, 303)
        return self._page(request, wanted)

    async def enter(self, request: Request) -> Response:
        fields = await self._context.form(request)
        wanted, known = _inside(fields.get("next", "")), self._context.parts.access.keys
        asked = key_hash(fields.get("key", "").strip())
        if asked not in known:
            return self._page(request, wanted, UNKNOWN, 401)
        answer = RedirectResponse(wanted, 303)
        self._context.sessions.end(visitor_of(request).cookie)
        _give(request, answer, self._context.sessions.begin(asked))
        return answer

    async def leave(self, request: Request) -> Response:
        await self._context.form(request)
        self._context.sessions.end(visitor_of(request).cookie)
        answer = RedirectResponse(f"{PREFIX}/login", 303)
        _give(request, answer, new_cookie())
        return answer

    def _page(self, request: Request, wanted: str, trouble: str = "", status: int = 200) -> Response:
        return self._context.pages.render(request, "login.html", status, wanted=wanted, trouble=trouble)


def _give(request: Request, answer: Response, cookie: str) -> None:
    answer.headers.append("set-cookie", cookie_header(cookie, secure=request.url.scheme == "https"))


def _inside(wanted: str) -> str:
    """A page of the dashboard, whatever was asked for: nobody is sent elsewhere after signing in."""
    parts = urlsplit(wanted)
    inside = parts.path.startswith(f"{PREFIX}/") and not parts.scheme and not parts.netloc and "\\" not in wanted
    return parts.path if inside and parts.path.isprintable() else f"{PREFIX}/"
