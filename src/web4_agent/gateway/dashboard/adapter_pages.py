"""The adapters: drawn and listed, one of them whole, and the rollback to one, which is the command's own."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from web4_agent.domain.ids import AdapterVersion
from web4_agent.flows.dashboard import list_adapters, list_moves, preview_rollback, show_adapter
from web4_agent.flows.rollback import RolledBack, roll_back
from web4_agent.gateway.dashboard.context import Context, number_of
from web4_agent.gateway.dashboard.pages import Notice
from web4_agent.gateway.dashboard.parts import PREFIX
from web4_agent.gateway.dashboard.work import Say

LONGEST_WAIT_S = 30.0
"""For the moved pointer, which takes a second or two; what follows it is not waited for."""


class AdapterPages:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def show_all(self, request: Request) -> Response:
        found = await asyncio.to_thread(list_adapters, self._context.parts.reads, number_of(request))
        job = self._context.work.job
        return self._context.pages.render(request, "adapters.html", found=found, job=job)

    async def show_moves(self, request: Request) -> Response:
        found = await asyncio.to_thread(list_moves, self._context.parts.reads, number_of(request))
        return self._context.pages.render(request, "moves.html", moves=found)

    async def show(self, request: Request) -> Response:
        found = await asyncio.to_thread(show_adapter, self._context.parts.reads, _version(request), number_of(request))
        return self._context.pages.render(request, "adapter.html", found=found)

    async def preview(self, request: Request) -> Response:
        found = await asyncio.to_thread(preview_rollback, self._context.parts.reads, _version(request))
        return self._context.pages.render(request, "rollback.html", found=found)

    async def roll_back(self, request: Request) -> Response:
        fields = await self._context.form(request)
        target, retrain = AdapterVersion(fields.get("version", "")[:32]), fields.get("retrain") == "yes"
        parts = self._context.parts

        def do(say: Say, enough: Say) -> str:
            def serves(done: RolledBack) -> None:
                enough(f"{done.target} serves in place of {done.source}; the vectors follow")

            done = roll_back(parts.rollback(), target, retrain=retrain, serves=serves)
            say("people are told")
            parts.tell_people()
            return _sentence(done)

        begun = await self._context.work.begin(f"Rollback to {target}", do, LONGEST_WAIT_S)
        self._context.health.forget()
        return self._context.pages.told(f"{PREFIX}/adapters", Notice(begun.sentence))


def _version(request: Request) -> str:
    return str(request.path_params["version"])


def _sentence(done: RolledBack) -> str:
    parts = [f"{done.target} serves in place of {done.source}"]
    if done.quarantined:
        parts.append(f"{done.quarantined} documents of the nights left behind are set apart")
    if done.buffered:
        parts.append(f"{done.buffered} documents are back in the buffer")
    if done.restored:
        parts.append(f"{done.restored} documents are history again")
    return "; ".join(parts)
