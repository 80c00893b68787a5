"""The nights: the list with its learning curve and the night that runs, and one night whole."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from web4_agent.flows.dashboard import learning_curve, list_nights, running_night, show_night
from web4_agent.gateway.dashboard.context import Context, number_of


class NightPages:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def show_all(self, request: Request) -> Response:
        reads, number = self._context.parts.reads, number_of(request)
        nights = await asyncio.to_thread(list_nights, reads, number)
        running = await asyncio.to_thread(running_night, reads)
        curve = await asyncio.to_thread(learning_curve, reads)
        return self._context.pages.render(request, "nights.html", nights=nights, night=running, curve=curve)

    async def show(self, request: Request) -> Response:
        found = await asyncio.to_thread(show_night, self._context.parts.reads, str(request.path_params["run"]))
        return self._context.pages.render(request, "night.html", night=found)
