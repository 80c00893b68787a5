"""The web application: every endpoint, its place in the OpenAPI page, and the guard before all of them.

Called by `serve`. The documentation page that the framework would bring loads from elsewhere, so there is none; the
schema stands under /openapi.json.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from web4_agent.gateway.cors import add_cors, readable
from web4_agent.gateway.dashboard.app import mount_dashboard
from web4_agent.gateway.dashboard.parts import PREFIX, Dashboard
from web4_agent.gateway.guard import Guard, on_bug, on_gone, on_http_error, on_refused, wants_page
from web4_agent.gateway.ollama_api import OllamaApi
from web4_agent.gateway.openai_api import OpenAiApi
from web4_agent.gateway.parts import GatewayParts
from web4_agent.gateway.relay import ClientGone
from web4_agent.gateway.wire import ollama, openai
from web4_agent.gateway.wire.errors import Refused

Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Request, Exception], Awaitable[Response]]
_REF = "#/components/schemas/{model}"
_BODIES: tuple[type[BaseModel], ...] = (
    openai.ChatRequest,
    openai.CompletionRequest,
    openai.EmbeddingsRequest,
    openai.FeedbackRequest,
    ollama.ChatRequest,
    ollama.GenerateRequest,
    ollama.ShowRequest,
    ollama.EmbedRequest,
    ollama.EmbeddingsRequest,
)
_ERRORS = {
    400: "the request is wrong; the message names the field",
    401: "an API key is needed, or not known",
    403: "a web page of elsewhere, or a host name that is not this machine's",
    404: "no such model",
    413: "the body is too large",
    500: "an error of the gateway",
    502: "the engine failed or stopped",
    503: "all places are taken, or no engine is running; Retry-After says when to come again",
    504: "the engine said nothing for too long",
}


def make_app(parts: GatewayParts, dashboard: Dashboard) -> FastAPI:
    app = FastAPI(title="Web4 Agent", docs_url=None, redoc_url=None)
    api, other = OpenAiApi(parts), OllamaApi(parts)
    post: dict[str, tuple[Endpoint, type[BaseModel] | None]] = {
        "/v1/chat/completions": (api.chat, openai.ChatRequest),
        "/v1/completions": (api.complete, openai.CompletionRequest),
        "/v1/embeddings": (api.embed, openai.EmbeddingsRequest),
        "/v1/feedback": (api.feedback, openai.FeedbackRequest),
        "/v1/messages": (api.passed_on, None),
        "/v1/responses": (api.passed_on, None),
        "/api/chat": (other.chat, ollama.ChatRequest),
        "/api/generate": (other.generate, ollama.GenerateRequest),
        "/api/show": (other.show, ollama.ShowRequest),
        "/api/embed": (other.embed, ollama.EmbedRequest),
        "/api/embeddings": (other.embeddings, ollama.EmbeddingsRequest),
    }
    for path, (endpoint, body) in post.items():
        _add(app, path, "POST", endpoint, body)
    for path, endpoint in {
        "/v1/models": api.models,
        "/v1/models/{name:path}": api.model,
        "/api/tags": other.tags,
        "/api/ps": other.loaded_models,
        "/api/version": other.version,
    }.items():
        _add(app, path, "GET", endpoint, None)
    _add_watchers(app, parts)
    mount_dashboard(app, dashboard)
    refused = parts.relay.metrics.refused
    handlers: dict[type[Exception], Handler] = {
        Refused: on_refused,
        ClientGone: on_gone,
        HTTPException: on_http_error,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, _counted(handler, refused))
    origins = parts.access.origins

    async def on_readable_bug(request: Request, error: Exception) -> Response:
        refused(500)
        return readable(request, await on_bug(request, error), origins)

    app.add_exception_handler(Exception, on_readable_bug)
    app.add_middleware(Guard, access=parts.access, refused=refused)
    add_cors(app, sorted(origins))
    app.openapi = lambda: _schema(app)  # type: ignore[method-assign] # the framework's own way of changing it
    return app


def _counted(handler: Handler, refused: Callable[[int], None]) -> Handler:
    async def count(request: Request, error: Exception) -> Response:
        answer = await handler(request, error)
        refused(answer.status_code)
        return answer

    return count


def _add(app: FastAPI, path: str, method: str, endpoint: Endpoint, body: type[BaseModel] | None) -> None:
    """Bodies are read and checked by the endpoint, in its own dialect; the schema is told of them here."""
    schema: dict[str, Any] = {"type": "object"} if body is None else {"$ref": _REF.format(model=_name(body))}
    extra = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {"application/json": {"schema": {"type": "object"}}}}
        for status, text in _ERRORS.items()
    }
    streams: dict[str, Any] = {"application/json": {}, "text/event-stream": {}, "application/x-ndjson": {}}
    responses[200] = {"description": "the answer", "content": streams if method == "POST" else {"application/json": {}}}
    app.add_api_route(
        path,
        endpoint,
        methods=[method],
        response_class=Response,
        responses=responses,
        openapi_extra=extra if method == "POST" else None,
    )


def _add_watchers(app: FastAPI, parts: GatewayParts) -> None:
    room = parts.relay.upstream.room
    state = room.state
    admission = parts.relay.upstream.admission
    metrics = parts.relay.metrics
    metrics.watch("web4_requests_running", "Requests being answered.", lambda: admission.running)
    metrics.watch("web4_requests_waiting", "Requests that wait for a place.", lambda: admission.waiting)
    metrics.count("web4_engine_starts", "Engines started.", lambda: state.starts)
    metrics.count("web4_engine_deaths", "Engines that died.", lambda: state.deaths)
    metrics.count("web4_engine_swaps", "Times that another version took over.", lambda: state.swaps)
    metrics.watch("web4_engine_up", "1 while an engine takes requests.", lambda: float(room.running))
    metrics.watch("web4_engines_warm", "Engines kept for a rollback.", lambda: len(room.warm))

    async def health(_: Request) -> Response:
        trouble = parts.trouble()
        return _json({"status": "ok" if not trouble else "degraded", "trouble": trouble})

    async def ready(_: Request) -> Response:
        up = room.running
        versions = {"adapter": state.version, "warm": room.warm}
        body = {"ready": up, **versions, "engine": parts.engine_name, "trouble": state.trouble}
        return _json(body, 200 if up else 503)

    async def page(_: Request) -> Response:
        shown = await asyncio.to_thread(metrics.page)
        return PlainTextResponse(shown, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def greeting(request: Request) -> Response:
        if wants_page(request.headers):
            return RedirectResponse(f"{PREFIX}/", 303, headers={"vary": "Accept"})
        return PlainTextResponse("Web4 Agent is running", headers={"vary": "Accept"})

    for path, endpoint in {"/healthz": health, "/readyz": ready, "/metrics": page, "/": greeting}.items():
        app.add_api_route(path, endpoint, methods=["GET", "HEAD"], include_in_schema=False)


def _schema(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        kinds = [(kind, "validation") for kind in _BODIES]
        _, definitions = models_json_schema(kinds, ref_template=_REF)  # type: ignore[arg-type] # a literal in a list
        found = definitions["$defs"]
        made.setdefault("components", {}).setdefault("schemas", {}).update(found)
        app.openapi_schema = made
    return app.openapi_schema


def _name(body: type[BaseModel]) -> str:
    """Two dialects have requests of the same name: pydantic tells them apart by their module."""
    twice = sum(kind.__name__ == body.__name__ for kind in _BODIES) > 1
    return f"{body.__module__}__{body.__name__}".replace(".", "__") if twice else body.__name__


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
