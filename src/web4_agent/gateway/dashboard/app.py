"""The dashboard's own application: its addresses, and its pages for what goes wrong.

Called by the gateway's app, which mounts it under /dashboard. No address of it is in the OpenAPI schema: it is for
people and their browsers.
"""

import logging
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp

from web4_agent.domain.errors import BusyError, DatabaseError, UsageError, Web4Error
from web4_agent.gateway.dashboard.adapter_pages import AdapterPages
from web4_agent.gateway.dashboard.context import Context
from web4_agent.gateway.dashboard.document_pages import DocumentPages
from web4_agent.gateway.dashboard.door import Door
from web4_agent.gateway.dashboard.health import CollectionHealth
from web4_agent.gateway.dashboard.night_pages import NightPages
from web4_agent.gateway.dashboard.pages import Pages
from web4_agent.gateway.dashboard.parts import PREFIX, Dashboard
from web4_agent.gateway.dashboard.sessions import Sessions
from web4_agent.gateway.dashboard.sign_in import SignIn
from web4_agent.gateway.dashboard.statics import Statics
from web4_agent.gateway.dashboard.today_page import TodayPage
from web4_agent.gateway.dashboard.work import Work
from web4_agent.gateway.wire.errors import Refused

_log = logging.getLogger(__name__)
_STATUS: tuple[tuple[type[Web4Error], int], ...] = ((UsageError, 400), (BusyError, 409), (DatabaseError, 503))
Endpoint = Callable[[Request], Awaitable[Response]]


def mount_dashboard(app: FastAPI, parts: Dashboard) -> None:
    """Add the dashboard to the gateway's app."""

    async def with_slash(_: Request) -> Response:
        return RedirectResponse(f"{PREFIX}/", 308)

    app.add_api_route(PREFIX, with_slash, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount(PREFIX, make_dashboard(parts))


def make_dashboard(parts: Dashboard) -> ASGIApp:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    sessions, statics = Sessions(), Statics()
    context = Context(
        parts,
        Pages(sessions, statics, parts.model),
        sessions,
        Work(parts.reads.now),
        CollectionHealth(parts.collections, parts.reads.now),
    )
    today, nights, adapters = TodayPage(context), NightPages(context), AdapterPages(context)
    documents, sign_in = DocumentPages(context), SignIn(context)
    get: dict[str, Endpoint] = {
        "/": today.show,
        "/nights": nights.show_all,
        "/nights/{run}": nights.show,
        "/adapters": adapters.show_all,
        "/adapters/moves": adapters.show_moves,
        "/adapters/{version}": adapters.show,
        "/adapters/{version}/rollback": adapters.preview,
        "/documents": documents.show_all,
        "/document": documents.show,
        "/forget": documents.plan,
        "/login": sign_in.show,
        "/static/{name}": statics.serve,
    }
    post: dict[str, Endpoint] = {
        "/vote": today.vote,
        "/rollback": adapters.roll_back,
        "/quarantine": documents.decide,
        "/forget": documents.forget,
        "/login": sign_in.enter,
        "/logout": sign_in.leave,
    }
    for method, endpoints in (("GET", get), ("POST", post)):
        for path, endpoint in endpoints.items():
            methods = ["GET", "HEAD"] if method == "GET" else [method]
            app.add_api_route(path, endpoint, methods=methods, response_class=Response)
    _add_problems(app, context.pages)
    return Door(app, parts.access, sessions)


def _add_problems(app: FastAPI, pages: Pages) -> None:
    """What goes wrong is a page, too: what it is, and what to do or type next."""

    def problem(request: Request, status: int, message: str, hint: str = "") -> Response:
        return pages.render(request, "problem.html", status, message=message, hint=hint, code=status)

    async def on_web4_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, Web4Error)
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        if status == 500:
            _log.error("dashboard.failed path=%s reason=%s", request.url.path, error.message)
        return problem(request, status, error.message, error.hint)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = "there is no such page" if error.status_code == 404 else str(error.detail)
        return problem(request, error.status_code, detail)

    async def on_refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return problem(request, error.status, error.message)

    async def on_bug(request: Request, error: Exception) -> Response:
        _log.error("dashboard.bug path=%s", request.url.path, exc_info=error)
        return problem(request, 500, f"an error of the gateway ({type(error).__name__})", "its log has the traceback")

    app.add_exception_handler(Web4Error, on_web4_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(Exception, on_bug)
