"""What the dashboard is made of: what its pages read, and the flows behind its buttons."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from web4_agent.bootstrap import Runtime
from web4_agent.domain.ids import AdapterVersion
from web4_agent.flows.collections import CollectionParts
from web4_agent.flows.dashboard import DashboardParts
from web4_agent.flows.forgetting import ForgetParts
from web4_agent.flows.quarantine import QuarantineParts
from web4_agent.flows.reporting import ReportingParts
from web4_agent.flows.rollback import RollbackParts
from web4_agent.gateway.access import Access
from web4_agent.gateway.parts import GatewayParts
from web4_agent.gateway.relay import RelayParts

PREFIX = "/dashboard"
LONGEST_TELLING_S = 10.0
"""As long as commands take to send what is due when they end."""


@dataclass(frozen=True, slots=True)
class EngineNow:
    """How the engine stands. `up_s`: since when `version` takes requests; `warm`: what a rollback gets at once."""

    name: str
    version: AdapterVersion | None
    up_s: float
    running: int
    waiting: int
    deaths: int
    swaps: int
    warm: tuple[AdapterVersion, ...]
    trouble: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`vote` takes response id, thumb, comment and client; `tell_people` sends alerts that are due and never raises.
    `trouble`: what keeps the query log from working, empty when all is well."""

    reads: DashboardParts
    reporting: ReportingParts
    quarantine: QuarantineParts
    rollback: Callable[[], RollbackParts]
    forget: Callable[[], ForgetParts]
    collections: Callable[[], CollectionParts]
    vote: Callable[[str, str, str, str], None]
    tell_people: Callable[[], object]
    engine: Callable[[], EngineNow]
    trouble: Callable[[], str]
    access: Access
    model: str


def dashboard_of(runtime: Runtime, gateway: GatewayParts) -> Dashboard:
    """The dashboard of a gateway: its thumbs are kept and counted as those that come to the gateway's own endpoint."""
    relay = gateway.relay

    def counted(response: str, thumb: str, comment: str, client: str) -> None:
        gateway.give_feedback(response, thumb, comment, client)
        relay.metrics.thumb(thumb)

    return Dashboard(
        reads=runtime.dashboard_parts(),
        reporting=runtime.reporting_parts(),
        quarantine=runtime.quarantine_parts(),
        rollback=runtime.rollback_parts,
        forget=runtime.forget_parts,
        collections=runtime.collection_parts,
        vote=counted,
        tell_people=lambda: runtime.deliver_alerts(LONGEST_TELLING_S),
        engine=lambda: _engine_now(gateway.engine_name, relay),
        trouble=gateway.trouble,
        access=gateway.access,
        model=relay.model,
    )


def _engine_now(name: str, relay: RelayParts) -> EngineNow:
    room, admission = relay.upstream.room, relay.upstream.admission
    state = room.state
    up_s = monotonic() - state.since if room.running else 0.0
    return EngineNow(
        name,
        state.version if room.running else None,
        up_s,
        admission.running,
        admission.waiting,
        state.deaths,
        state.swaps,
        room.warm,
        state.trouble,
    )
