"""What every page of the dashboard is given."""

from dataclasses import dataclass

from starlette.requests import Request

from web4_agent.flows.dashboard import page_number
from web4_agent.gateway.dashboard.forms import form_of
from web4_agent.gateway.dashboard.health import CollectionHealth
from web4_agent.gateway.dashboard.pages import Pages
from web4_agent.gateway.dashboard.parts import Dashboard
from web4_agent.gateway.dashboard.sessions import Sessions
from web4_agent.gateway.dashboard.work import Work


@dataclass(frozen=True, slots=True)
class Context:
    parts: Dashboard
    pages: Pages
    sessions: Sessions
    work: Work
    health: CollectionHealth

    async def form(self, request: Request) -> dict[str, str]:
        return await form_of(request, self.sessions)


def number_of(request: Request) -> int:
    """Which page of a list is asked for."""
    return page_number(request.query_params.get("page", "1"))
