"""How many requests are answered at once, how many may wait, and what the others are told.

Called by the relay around every answer. Knows no engine.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from web4_agent.gateway.wire.errors import Refused

_WEIGHT = 0.1
"""Of the newest answer in the running mean of how long one takes."""
_FIRST_GUESS_S = 2.0
_LONGEST_ADVICE_S = 120


class Admission:
    """`slots` requests at once, `queue` waiting, each at most `timeout_s`; in the order in which they came."""

    def __init__(self, slots: int, queue: int, timeout_s: float) -> None:
        self._free = asyncio.Semaphore(slots)
        self._slots = slots
        self._queue = queue
        self._timeout_s = timeout_s
        self._mean_s = _FIRST_GUESS_S
        self.waiting = 0
        self.running = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[float]:
        """Hold a place while the body runs; gives the seconds that may still be waited for other things.

        Raises Refused (503, with the seconds after which to come again) when the queue is full or the wait too long.
        """
        left_s = self._timeout_s
        if self._free.locked():
            left_s -= await self._wait()
        else:
            await self._free.acquire()
        self.running += 1
        started = monotonic()
        try:
            yield max(left_s, 0.0)
        finally:
            self._mean_s += _WEIGHT * (monotonic() - started - self._mean_s)
            self.running -= 1
            self._free.release()

    async def _wait(self) -> float:
        """Returns the seconds it took."""
        if self.waiting >= self._queue:
            raise self._full(f"{self.waiting} requests are waiting already")
        started = monotonic()
        self.waiting += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._free.acquire()
        except TimeoutError as error:
            raise self._full(f"no place came free in {self._timeout_s:g} s") from error
        finally:
            self.waiting -= 1
        return monotonic() - started

    def _full(self, why: str) -> Refused:
        seconds = self._mean_s * (self.waiting + 1) / self._slots
        return Refused(
            503, f"the model is busy: {why}", "overloaded", retry_after_s=min(_LONGEST_ADVICE_S, max(1, round(seconds)))
        )
