"""The gateway as one running thing: engine, log, library and web server, started in order and stopped in order.

Called by `web4-agent serve`. Everything that may fail at the start fails before requests are taken, with the error that
the command prints; a port that is taken first of all.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import AF_INET, AF_INET6, IPPROTO_TCP, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY, socket

import uvicorn
import uvloop

from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.bootstrap import Runtime
from web4_agent.domain.errors import BusyError, ModelError, SettingsError, Web4Error
from web4_agent.domain.queries import RouteDecision
from web4_agent.flows.feedback import FeedbackParts, give
from web4_agent.flows.founding import serve_pointer
from web4_agent.flows.probation import watch_over
from web4_agent.flows.query_log import QueryLog
from web4_agent.flows.routing import refreshed
from web4_agent.flows.tooling import ensure_tools
from web4_agent.flows.vitals import vitals
from web4_agent.gateway.access import Access, check_listening, is_loopback
from web4_agent.gateway.admission import Admission
from web4_agent.gateway.app import make_app
from web4_agent.gateway.cors import origins_of
from web4_agent.gateway.dashboard.parts import dashboard_of
from web4_agent.gateway.engine_deaths import EngineDeaths
from web4_agent.gateway.engine_room import EngineRoom
from web4_agent.gateway.ledger_metrics import LedgerMetrics
from web4_agent.gateway.metrics import Metrics
from web4_agent.gateway.parts import GatewayParts
from web4_agent.gateway.relay import RelayParts
from web4_agent.gateway.request_trace import RequestTracer
from web4_agent.gateway.upstream import Upstream
from web4_agent.records import adapters, api_keys
from web4_agent.steps.route import Wish, route
from web4_agent.storage.lock import exclusive
from web4_agent.storage.payload import from_json

_log = logging.getLogger(__name__)
_REFRESH_S = 2.0
"""A key that is revoked, or an agent's name that is new, counts after so long."""
_PROBATION_S = 5.0
"""How long a version that alarms goes on serving before somebody looks."""
_STOP_S = 20
_BACKLOG = 512
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen; `address` is told to `ready` once requests are taken."""

    host: str
    port: int


def serve(runtime: Runtime, at: Listening, ready: Callable[[str], None]) -> None:
    """Answer until SIGINT or SIGTERM. Raises SettingsError when others could ask without a key or the port is taken,
    and what starting an engine raises."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Gateway(runtime).run(at, ready))


class Gateway:
    """One gateway; `run` it once. `stop` may be called from any thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._server: uvicorn.Server | None = None
        self._deaths: EngineDeaths | None = None
        self._knowledge = refreshed(runtime.database, runtime.now().date(), None)
        self._wanted = _Wanted(runtime.home.serving)
        self._access = Access(wide=True, origins=origins_of(runtime.settings.gateway.origins))

    async def run(self, at: Listening, ready: Callable[[str], None]) -> None:
        keys = _valid_keys(self._runtime)
        check_listening(at.host, keys)
        self._access.keys, self._access.wide = keys, not is_loopback(at.host)
        async with AsyncExitStack() as held:
            port = held.enter_context(closing(_bound(at)))
            await asyncio.to_thread(_offer_tools, self._runtime)
            parts = self._parts(held)
            await parts.relay.upstream.open()
            held.push_async_callback(parts.relay.upstream.close)
            refreshing = asyncio.create_task(self._refresh())
            held.callback(refreshing.cancel)
            watching = asyncio.create_task(self._watch_probation())
            held.callback(watching.cancel)
            await self._listen(port, parts, ready)

    def stop(self) -> None:
        """Take no more requests, finish those that run, then let `run` return."""
        if self._server is not None:
            self._server.should_exit = True

    def _parts(self, held: AsyncExitStack) -> GatewayParts:
        runtime, chosen = self._runtime, self._runtime.settings.gateway
        log = runtime.query_log()
        held.callback(log.close)
        held.callback(runtime.library.close)
        serving = runtime.serving_parts(self._route)
        metrics = Metrics()
        room = EngineRoom(
            runtime.serving_launcher,
            self._wanted,
            warm_s=chosen.keep_warm_s,
            swapped=metrics.swapped,
        )
        self._deaths = EngineDeaths(runtime.database, runtime.now, room.state)
        upstream = Upstream(
            room, Admission(chosen.parallel, chosen.queue, chosen.queue_timeout_s), runtime.settings.engine.timeout_s
        )
        metrics.watch_log(lambda: log.health)
        metrics.add(self._ledger_metrics(room))
        relay = RelayParts(
            serving, upstream, log.add, metrics, chosen.model, chosen.show_sources, self._request_tracer()
        )
        feedback = FeedbackParts(runtime.database, runtime.now, log.flush)
        return GatewayParts(
            relay,
            self._access,
            runtime.embed_counted,
            lambda response, thumb, comment, client: _give(feedback, response, thumb, comment, client),
            lambda: _trouble(log),
            runtime.serving_launcher.name,
            runtime.settings.engine.context_tokens,
            runtime.settings.engine.base or runtime.settings.model.base,
            chosen.max_body_bytes,
        )

    def _ledger_metrics(self, room: EngineRoom) -> LedgerMetrics:
        read = partial(vitals, self._runtime.vital_parts())
        return LedgerMetrics(read, lambda: room.state.version if room.running else None)

    def _request_tracer(self) -> RequestTracer:
        told = self._runtime.settings.tracing
        return RequestTracer(self._runtime.tracer, told.sample, told.content, self._runtime.settings.engine.kind)

    async def _listen(self, port: socket, parts: GatewayParts, ready: Callable[[str], None]) -> None:
        config = uvicorn.Config(
            make_app(parts, dashboard_of(self._runtime, parts)),
            lifespan="off",
            access_log=False,
            log_config=None,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_STOP_S,
            server_header=False,
            date_header=False,
        )
        host, number = port.getsockname()[:2]
        _open_door(port)
        self._server = server = _Server(config)
        telling = asyncio.create_task(_tell(server, ready, f"http://{f'[{host}]' if ':' in host else host}:{number}"))
        try:
            await server.serve(sockets=[port])
        finally:
            telling.cancel()

    def _route(self, question: str, wish: Wish, before: Sequence[str]) -> RouteDecision:
        return route(question, self._knowledge.known, wish=wish, before=before)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_S)
            try:
                self._access.keys = await asyncio.to_thread(_valid_keys, self._runtime)
                today = self._runtime.now().date()
                self._knowledge = await asyncio.to_thread(refreshed, self._runtime.database, today, self._knowledge)
                await asyncio.to_thread(_follow_ledger, self._runtime, self._wanted)
                await asyncio.to_thread(self._runtime.library.drop_stale)
                if self._deaths is not None:
                    await asyncio.to_thread(self._deaths.look)
            except Web4Error as error:
                _log.warning("gateway.refresh_failed reason=%s", error.message)

    async def _watch_probation(self) -> None:
        """Let the version before serve when the new one does badly. The room follows what the ledger says by itself."""
        parts, told = self._runtime.probation_parts(), ""
        while True:
            await asyncio.sleep(_PROBATION_S)
            try:
                await asyncio.to_thread(watch_over, parts)
                told = ""
            except Web4Error as error:
                if error.message != told:
                    _log.warning("gateway.probation_failed reason=%s", error.message)
                told = error.message


class _Server(uvicorn.Server):
    """Stops when told by SIGINT or SIGTERM, and lets what is around it stop, too: the framework's own way is to die by
    the signal when its last request is done, with rows of the log still to be written."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for each in _STOP_SIGNALS:
            loop.add_signal_handler(each, self._told)
        try:
            yield
        finally:
            for each in _STOP_SIGNALS:
                loop.remove_signal_handler(each)

    def _told(self) -> None:
        """Told twice, requests that run are cut."""
        self.force_exit = self.should_exit
        self.should_exit = True


class _Wanted:
    """What should serve, from the file that follows the ledger; read again when it has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._adapter: ServedAdapter | None = None

    def __call__(self) -> ServedAdapter:
        """Raises ModelError when the file is missing, IntegrityError when it is damaged."""
        try:
            found = self._file.stat()
            signature = (found.st_mtime_ns, found.st_ino, found.st_size)
            if self._adapter is None or signature != self._seen:
                self._adapter = from_json(ServedAdapter, self._file.read_text(encoding="utf-8"))
                self._seen = signature
        except FileNotFoundError as error:
            raise ModelError(f"{self._file} is missing: nothing says what serves", "web4-agent doctor --fix") from error
        return self._adapter


def _follow_ledger(runtime: Runtime, wanted: _Wanted) -> None:
    """End what a killed rollback left undone: the pointer moved, and what serves did not follow. Whoever holds the
    lock is still at it, and is left to."""
    with runtime.database.read() as connection:
        production = adapters.read_pointer(connection).production
    if production == wanted().version:
        return
    try:
        with exclusive(runtime.home.night_lock, doing="the gateway, letting what serves follow the ledger"):
            serve_pointer(runtime.home, runtime.database, runtime.exporter.artefact_name)
            _log.warning("gateway.followed_ledger adapter=%s", production)
    except BusyError:
        return


def _bound(at: Listening) -> socket:
    """The port, held and not yet listened on. Raises SettingsError where that can't be."""
    # The loop sets TCP_NODELAY only for sockets that name TCP; without it an answer waits 40 ms for an acknowledgement.
    port = socket(AF_INET6 if ":" in at.host else AF_INET, SOCK_STREAM, IPPROTO_TCP)
    try:
        port.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        port.bind((at.host, at.port))
    except OSError as error:
        port.close()
        raise _taken(at, error) from error
    port.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    return port


def _open_door(port: socket) -> None:
    """Two may hold a port as long as neither listens: raises SettingsError where another was quicker."""
    try:
        port.listen(_BACKLOG)
    except OSError as error:
        raise _taken(Listening(*port.getsockname()[:2]), error) from error


def _taken(at: Listening, error: OSError) -> SettingsError:
    return SettingsError(
        f"nothing can listen on {at.host}:{at.port}: the port is taken, or the address not this machine's "
        f"({error.strerror})",
        "web4-agent serve --port 0",
    )


async def _tell(server: uvicorn.Server, ready: Callable[[str], None], address: str) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    ready(address)


def _offer_tools(runtime: Runtime) -> None:
    """Let the examples of tool calls be there before anything else opens the vector store. The gateway can do without:
    it says so in its log, and answers."""
    try:
        ready = ensure_tools(runtime.tool_parts())
        _log.info("gateway.tools ecosystem=%s examples=%d", ready.ecosystem, ready.examples)
    except Web4Error as error:
        _log.warning("gateway.tools_unavailable reason=%s", error.message)


def _valid_keys(runtime: Runtime) -> dict[str, str]:
    with runtime.database.read() as connection:
        return {row.key_hash: row.name for row in api_keys.listed(connection) if row.revoked_utc is None}


def _give(parts: FeedbackParts, response: str, thumb: str, comment: str, client: str) -> None:
    give(parts, response, thumb, comment, client)


def _trouble(log: QueryLog) -> str:
    health = log.health
    if health.well:
        return ""
    return f"the query log: {health.error or 'its writer has stopped'}; {health.waiting} rows wait, {health.lost} lost"
