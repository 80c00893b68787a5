"""Keeps one engine answering for the version that should serve: starts it, restarts it, exchanges it for another.

Called by the relay, which holds an engine for the length of one answer. What should serve is read from a callable; a
new version comes up beside the old one, proves itself, and takes all new requests. The old one finishes what it began
and stays warm (`engine_standby`), so that going back to it moves a pointer and starts nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from web4_agent.backends.engines.artefact_check import verify_artefact
from web4_agent.backends.engines.base import EngineLauncher, ServedAdapter
from web4_agent.domain.errors import Web4Error
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.speech import Message
from web4_agent.gateway.engine_standby import Held, Standby
from web4_agent.gateway.wire.errors import Refused

_log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 30.0
_WARM_UP = (Message("user", "Hello"),)


@dataclass(frozen=True, slots=True)
class Swap:
    """Another version took over. `seconds` from when it was first seen to be wanted until requests went to it."""

    version: AdapterVersion
    seconds: float
    warm: bool


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
    """`wanted` says what should serve (cheap, called every `poll_s`). `drain_s`: how long an old engine may finish;
    `warm_s`: how long the one that served before is kept. `swapped` hears of every swap."""

    def __init__(
        self,
        launcher: EngineLauncher,
        wanted: Callable[[], ServedAdapter],
        *,
        poll_s: float = 0.05,
        drain_s: float = 600.0,
        warm_s: float = 86_400.0,
        swapped: Callable[[Swap], None] = lambda swap: None,
    ) -> None:
        self._launcher = launcher
        self._wanted = wanted
        self._poll_s = poll_s
        self._swapped = swapped
        self._standby = Standby(warm_s=warm_s, drain_s=drain_s)
        self._current: Held | None = None
        self._ready = asyncio.Event()
        self._look = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._closed = False
        self._failed_on: ServedAdapter | None = None
        self._failures = 0
        self._not_before = 0.0
        self.state = RoomState()

    @property
    def running(self) -> bool:
        return self._current is not None

    @property
    def warm(self) -> tuple[AdapterVersion, ...]:
        """The versions that could serve at once, besides the one that does."""
        return self._standby.warm

    async def open(self) -> None:
        """Start the first engine. Raises EngineError, ModelError, IntegrityError."""
        began = monotonic()
        wanted = self._wanted()
        held = await asyncio.to_thread(self._proved, wanted)
        self.state.starts += 1
        self._serve(held, began, warm=False)
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def hold(self, timeout_s: float) -> Held:
        """The engine for one answer; `release` it. Waits for one that is coming up. Raises Refused (503).

        A dead engine is never given, even while another version takes its time to start.
        """
        self._bury_dead()
        if self._current is None:
            self.look()
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
        """Stop every engine: the one that serves, those on standby, and one that is coming up."""
        self._closed = True
        if self._watching is not None:
            self._watching.cancel()
        if self._starting is not None:
            await asyncio.wait({self._starting})  # its thread can't be told to stop
        if self._current is not None:
            self._standby.dismiss(self._current)
            self._current = None
        await self._standby.close()

    async def _watch(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            self._standby.look()
            self._bury_dead()
            self._follow()

    def _follow(self) -> None:
        """Let what should serve, serve: it does already, or it is warm, or it is started while the old one goes on."""
        seen = monotonic()
        try:
            wanted = self._wanted()
        except (Web4Error, OSError) as error:
            self._tell_trouble(error)
            return
        if self._current is not None and self._current.serves(wanted):
            self.state.trouble = ""
        elif (warm := self._standby.take(wanted)) is not None:
            self._serve(warm, seen, warm=True)
        elif self._starting is None and (wanted != self._failed_on or seen >= self._not_before):
            self._starting = asyncio.get_running_loop().create_task(self._start(wanted, seen))
            self._starting.add_done_callback(lambda done: self._started(wanted, done))

    async def _start(self, wanted: ServedAdapter, seen: float) -> None:
        """Start a version and let it serve, if it is still wanted when it is up. A failure is told and tried again."""
        try:
            await self._standby.gone(wanted.version)
            held = await asyncio.to_thread(self._proved, wanted)
        except (Web4Error, OSError) as error:
            self._failed(wanted, error)
            return
        finally:
            self._starting = None
        self.state.starts += 1
        if self._closed or not self._still_wanted(held):
            self._standby.dismiss(held)
        else:
            self._serve(held, seen, warm=False)

    def _started(self, wanted: ServedAdapter, start: asyncio.Task[None]) -> None:
        """A start that broke on a bug is a failure, too: without a pause it would break twenty times a second."""
        if not start.cancelled() and (bug := start.exception()) is not None:
            _log.error("engine.start_broke adapter=%s", wanted.version, exc_info=bug)
            self._failed(wanted, bug)

    def _proved(self, wanted: ServedAdapter) -> Held:
        """A new engine that has answered once. Runs in a thread; raises EngineError, ModelError, IntegrityError.

        The launcher hashes the file before the engine reads it. It is hashed again after: then what the engine read is
        what was judged, whoever wrote to the file meanwhile.
        """
        engine = self._launcher.start(wanted)
        try:
            endpoint = engine.endpoint
            engine.generate(_WARM_UP, max_tokens=1)
            verify_artefact(wanted)
        except (Web4Error, OSError):
            engine.close()
            raise
        return Held(engine, endpoint, wanted)

    def _still_wanted(self, held: Held) -> bool:
        try:
            return held.serves(self._wanted())
        except (Web4Error, OSError):
            return True  # nothing better is known

    def _serve(self, held: Held, seen: float, *, warm: bool) -> None:
        """New requests go to `held` from here on."""
        old, self._current = self._current, held
        before, self.state.version = self.state.version, held.version
        self.state.trouble, self.state.since = "", monotonic()
        self._failed_on, self._failures = None, 0
        if old is not None:
            self._standby.keep(old)
        self._ready.set()
        swap = Swap(held.version, monotonic() - seen, warm)
        _log.info("engine.serves adapter=%s before=%s seconds=%.2f warm=%s", swap.version, before, swap.seconds, warm)
        if before is not None and before != held.version:
            self.state.swaps += 1
            self._swapped(swap)

    def _bury_dead(self) -> None:
        held = self._current
        if held is not None and not held.engine.alive:
            _log.error("engine.died adapter=%s answering=%d", held.version, held.answering)
            self.state.deaths += 1
            self._current = None
            held.engine.close()

    def _failed(self, wanted: ServedAdapter, error: BaseException) -> None:
        """Wait longer after each failure; another version that is wanted instead waits for none of it."""
        self._failures = self._failures + 1 if wanted == self._failed_on else 1
        self._failed_on = wanted
        pause = min(_LONGEST_PAUSE_S, 0.5 * 2 ** (self._failures - 1))
        self._not_before = monotonic() + pause
        self.state.trouble = _in_one_line(error)
        _log.error("engine.not_started failures=%d pause_s=%.1f reason=%s", self._failures, pause, self.state.trouble)

    def _tell_trouble(self, error: Web4Error | OSError) -> None:
        """What should serve can't be read; it is asked for many times a second, so it is told once."""
        reason = _in_one_line(error)
        if reason != self.state.trouble:
            _log.error("engine.unknown_version reason=%s", reason)
        self.state.trouble = reason


def _in_one_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
