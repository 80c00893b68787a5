"""Engines that get no new requests: the one that served before, kept warm for a rollback, and those that finish.

Called by the engine room alone. Knows neither what should serve nor how an engine is started.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from time import monotonic

from web4_agent.backends.engines.base import Endpoint, Engine, ServedAdapter
from web4_agent.domain.ids import AdapterVersion

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Held:
    """A running engine, what it was started with, and how many answers it is giving."""

    engine: Engine
    endpoint: Endpoint
    adapter: ServedAdapter
    answering: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def version(self) -> AdapterVersion:
        return self.adapter.version

    def serves(self, wanted: ServedAdapter) -> bool:
        """Whether it runs, and on the bytes that are wanted: the same name with other bytes is another adapter."""
        same = (self.adapter.version, self.adapter.artefact_hash) == (wanted.version, wanted.artefact_hash)
        return same and self.engine.alive


class Standby:
    """`warm_s`: how long the engine that served before stays (0: not at all); `drain_s`: how long one may finish.

    An engine is warm, then leaving, then closing. Until it is closing it can be taken back, whoever it still answers.
    """

    def __init__(self, *, warm_s: float, drain_s: float) -> None:
        self._warm_s = warm_s
        self._drain_s = drain_s
        self._warm: Held | None = None
        self._warm_until = 0.0
        self._leaving: dict[Held, asyncio.Task[None]] = {}
        self._closing: dict[asyncio.Task[None], AdapterVersion] = {}

    @property
    def warm(self) -> tuple[AdapterVersion, ...]:
        """Versions that a rollback gets without a start, for as long as they are not taken or replaced."""
        return (self._warm.version,) if self._warm is not None and self._warm.engine.alive else ()

    def keep(self, held: Held) -> None:
        """It served until now. The one that was kept before it leaves."""
        self._let_go()
        self._warm, self._warm_until = held, monotonic() + self._warm_s
        if not self._warm_s:
            self._let_go()

    def dismiss(self, held: Held) -> None:
        """Let an engine finish what it began, then stop it."""
        task = asyncio.get_running_loop().create_task(self._leave(held))
        self._leaving[held] = task

    def take(self, wanted: ServedAdapter) -> Held | None:
        """A living engine on exactly these bytes, which is then no longer on standby; None when there is none."""
        if self._warm is not None and self._warm.serves(wanted):
            held, self._warm = self._warm, None
            return held
        for held in self._leaving:
            if held.serves(wanted):
                self._leaving.pop(held).cancel()
                return held
        return None

    def look(self) -> None:
        """Bury a warm engine that died, and let go of one that was kept long enough."""
        held = self._warm
        if held is not None and not held.engine.alive:
            self._warm = None
            _log.warning("engine.warm_died adapter=%s answering=%d", held.version, held.answering)
            self._stop(held)
        elif held is not None and monotonic() >= self._warm_until:
            self._let_go()

    async def gone(self, version: AdapterVersion) -> None:
        """Return when no engine of this version is being stopped: a server of its own takes an adapter's name away."""
        stopping = [task for task, closing in self._closing.items() if closing == version]
        if stopping:
            await asyncio.wait(stopping)

    async def close(self) -> None:
        """Stop every engine, those in the middle of an answer included."""
        held = [*([self._warm] if self._warm is not None else []), *self._leaving]
        for task in self._leaving.values():
            task.cancel()
        self._warm = None
        self._leaving.clear()
        for each in held:
            self._stop(each)
        await asyncio.gather(*self._closing)

    def _let_go(self) -> None:
        if self._warm is not None:
            held, self._warm = self._warm, None
            self.dismiss(held)

    async def _leave(self, held: Held) -> None:
        try:
            async with asyncio.timeout(self._drain_s):
                while held.answering:
                    held.idle.clear()
                    await held.idle.wait()
        except TimeoutError:
            _log.warning("engine.drain_cut_short adapter=%s answering=%d", held.version, held.answering)
        if self._leaving.pop(held, None) is not None:  # else it was taken back while this task was woken
            self._stop(held)

    def _stop(self, held: Held) -> None:
        """From here on it can't be taken back."""
        task = asyncio.get_running_loop().create_task(_closed(held))
        self._closing[task] = held.version
        task.add_done_callback(lambda done: self._closing.pop(done, None))


async def _closed(held: Held) -> None:
    await asyncio.to_thread(held.engine.close)
    _log.info("engine.retired adapter=%s", held.version)
