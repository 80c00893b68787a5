"""Keeps one engine answering for the version that should serve: starts it, restarts it, exchanges it for another.

Called by the relay, which holds an engine for the length of one answer. What should serve is read from a callable; a
new version comes up beside the old one, takes all new requests, and the old one leaves when its last answer is out.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from time import monotonic

from web4_agent.backends.engines.base import Endpoint, Engine, EngineLauncher, ServedAdapter
from web4_agent.domain.errors import Web4Error
from web4_agent.domain.ids import AdapterVersion
from web4_agent.gateway.wire.errors import Refused

_log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 30.0


@dataclass(eq=False, slots=True)
class Held:
    """A running engine and how many answers it is giving."""

    engine: Engine
    endpoint: Endpoint
    version: AdapterVersion
    answering: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class RoomState:
    """For health pages and metrics. `trouble`: why the version that should serve does not, in one line."""

    version: AdapterVersion | None = None
    starts: int = 0
    deaths: int = 0
    swaps: int = 0
    trouble: str = ""
    since: float = 0.0


class EngineRoom:
    """`wanted` says what should serve (cheap, called every `poll_s`); `drain_s`: how long an old engine may finish."""

    def __init__(
        self,
        launcher: EngineLauncher,
        wanted: Callable[[], ServedAdapter],
        *,
        poll_s: float = 0.2,
        drain_s: float = 600.0,
    ) -> None:
        self._launcher = launcher
        self._wanted = wanted
        self._poll_s = poll_s
        self._drain_s = drain_s
        self._current: Held | None = None
        self._ready = asyncio.Event()
        self._look = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._not_before = 0.0
        self.state = RoomState()

    @property
    def running(self) -> bool:
        return self._current is not None

    async def open(self) -> None:
        """Start the first engine. Raises EngineError, ModelError, IntegrityError."""
        await self._start(self._wanted())
        self._spawn(self._watch())

    async def hold(self, timeout_s: float) -> Held:
        """The engine for one answer; `release` it. Waits for one that is coming up. Raises Refused (503).

        A dead engine is never given, even while another version takes its time to start.
        """
        if self._current is not None and not self._current.engine.alive:
            self._bury(self._current)
            self.look()
        if self._current is None:
            try:
                async with asyncio.timeout(timeout_s):
                    while self._current is None:
                        self._ready.clear()
                        await self._ready.wait()
            except TimeoutError as error:
                why = f": {self.state.trouble}" if self.state.trouble else ""
                raise Refused(503, f"no engine is running{why}", "engine_unavailable", retry_after_s=5) from error
        held = self._current
        held.answering += 1
        return held

    def release(self, held: Held) -> None:
        held.answering -= 1
        if not held.answering:
            held.idle.set()

    def look(self) -> None:
        """An answer broke off: look at the engine at once and not at the next turn."""
        self._look.set()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._current is not None:
            await asyncio.to_thread(self._current.engine.close)
            self._current = None

    async def _watch(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            held = self._current
            if held is not None and not held.engine.alive:
                self._bury(held)
            try:
                await self._follow()
            except (Web4Error, OSError) as error:
                self._failed(error)

    async def _follow(self) -> None:
        """Raises Web4Error, OSError when what should serve does not come up; the old engine goes on."""
        wanted = self._wanted()
        if (self._current is None or self._current.version != wanted.version) and monotonic() >= self._not_before:
            await self._start(wanted)

    async def _start(self, wanted: ServedAdapter) -> None:
        started = monotonic()
        engine = await asyncio.to_thread(self._launcher.start, wanted)
        endpoint = await asyncio.to_thread(lambda: engine.endpoint)
        old, self._current = self._current, Held(engine, endpoint, wanted.version)
        self._failures, self._not_before = 0, 0.0
        self.state.version, self.state.trouble, self.state.since = wanted.version, "", monotonic()
        self.state.starts += 1
        self._ready.set()
        _log.info("engine.started adapter=%s seconds=%.2f", wanted.version, monotonic() - started)
        if old is not None:
            self.state.swaps += 1
            self._spawn(self._retire(old))

    async def _retire(self, old: Held) -> None:
        """Let the old engine finish what it began, then stop it."""
        try:
            async with asyncio.timeout(self._drain_s):
                while old.answering:
                    old.idle.clear()
                    await old.idle.wait()
        except TimeoutError:
            _log.warning("engine.drain_cut_short adapter=%s answering=%d", old.version, old.answering)
        finally:
            await asyncio.shield(asyncio.to_thread(old.engine.close))
        _log.info("engine.retired adapter=%s", old.version)

    def _bury(self, held: Held) -> None:
        _log.error("engine.died adapter=%s answering=%d", held.version, held.answering)
        self.state.deaths += 1
        self._current = None
        held.engine.close()

    def _failed(self, error: Web4Error | OSError) -> None:
        self._failures += 1
        pause = min(_LONGEST_PAUSE_S, 0.5 * 2 ** (self._failures - 1))
        self._not_before = monotonic() + pause
        self.state.trouble = str(error).splitlines()[0]
        _log.error("engine.not_started failures=%d pause_s=%.1f reason=%s", self._failures, pause, self.state.trouble)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
