"""Turns what was read into HTML. Every value is escaped; a name that a template does not know is an error.

Also keeps what is told on the next page a browser opens: it goes through a redirect, and no text stands in an address.
"""

import gzip
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from web4_agent.gateway.dashboard.door import visitor_of
from web4_agent.gateway.dashboard.parts import PREFIX
from web4_agent.gateway.dashboard.sessions import Sessions
from web4_agent.gateway.dashboard.statics import Statics
from web4_agent.gateway.dashboard.wording import FILTERS

TEMPLATES = Path(__file__).parents[2] / "data" / "dashboard" / "pages"
MOST_NOTICES = 200
WORTH_PACKING_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence on what was done. `wrong`: it was not."""

    text: str
    wrong: bool = False


class Pages:
    def __init__(self, sessions: Sessions, statics: Statics, model: str) -> None:
        self._sessions = sessions
        self._notices: OrderedDict[str, Notice] = OrderedDict()
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(FILTERS)
        self._environment.globals.update(prefix=PREFIX, static=statics.address, model=model)

    def render(
        self, request: Request, template: str, status: int = 200, **values: Any
    ) -> Response:  # as jinja takes it
        """`values` are the template's; the visitor, a token for forms and what is to be told come with every page."""
        visitor = visitor_of(request)
        told = self._notices.pop(request.query_params.get("told", ""), None)
        page = self._environment.get_template(template).render(
            values, visitor=visitor, token=self._sessions.token(visitor.cookie), told=told
        )
        return _packed(request, page.encode(), status)

    def told(self, path: str, notice: Notice) -> Response:
        """To another page, which says this once."""
        name = secrets.token_urlsafe(6)
        self._notices[name] = notice
        while len(self._notices) > MOST_NOTICES:
            self._notices.popitem(last=False)
        return RedirectResponse(f"{path}{'&' if '?' in path else '?'}told={name}", 303)


def _packed(request: Request, body: bytes, status: int) -> Response:
    headers = {"vary": "Accept-Encoding"}
    if len(body) > WORTH_PACKING_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["content-encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
    return Response(body, status, headers, media_type="text/html; charset=utf-8")
