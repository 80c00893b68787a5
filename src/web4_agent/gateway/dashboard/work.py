"""What goes on behind a page after its answer: a rollback whose vectors follow, a forgetting. One at a time.

Called by the actions. What is at work and how the last ended is shown until the next begins.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from web4_agent.domain.errors import BusyError, Web4Error

_log = logging.getLogger(__name__)
EARLY_S = 1.0
"""So long a page waits for an error that comes at once: the name is wrong, another run holds the lock."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Job:
    """`doing` is what is said of it now; `ended_utc` and `wrong` when it is over."""

    name: str
    began_utc: datetime
    doing: str
    ended_utc: datetime | None = None
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """What the page that began a job says of it."""

    said: str
    ended: bool

    @property
    def sentence(self) -> str:
        more = "" if self.ended else " This page says how it goes on."
        return f"{self.said}.{more}"


class Work:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._task: asyncio.Future[str] | None = None
        self._thread = ThreadPoolExecutor(1, "dashboard")  # its own: look-ups for answers are never short of one
        self.job: Job | None = None

    async def begin(self, name: str, do: Callable[[Say, Say], str], early_s: float = EARLY_S) -> Begun:
        """Run `do` in a thread. It is given two ways to speak: one for what it does, one for the point from which on
        the page need not wait; it returns the last sentence. Returns what to say now.

        Raises BusyError while another is at work, and what `do` raises before the page was answered.
        """
        if self._task is not None and not self._task.done():
            raise BusyError(f"the dashboard is at work: {self.job.name if self.job else name}", "wait for it to end")
        loop, enough = asyncio.get_running_loop(), asyncio.Event()
        early: list[str] = []
        self.job = job = Job(name, self._now(), "at work")

        def say(text: str) -> None:
            job.doing = text

        def done_enough(text: str) -> None:
            job.doing = text
            early.append(text)
            loop.call_soon_threadsafe(enough.set)

        self._task = task = loop.run_in_executor(self._thread, do, say, done_enough)
        task.add_done_callback(lambda done: self._ended(job, done))
        waiting = loop.create_task(enough.wait())
        either: tuple[asyncio.Future[Any], ...] = (task, waiting)
        await asyncio.wait(either, timeout=early_s, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done() and task.exception() is not None:
            self.job = None  # the page that asked tells of it
            await task
        if task.done():
            return Begun(task.result(), ended=True)
        return Begun(early[-1] if early else f"{name} has begun", ended=False)

    def _ended(self, job: Job, done: asyncio.Future[str]) -> None:
        job.ended_utc = self._now()
        error = None if done.cancelled() else done.exception()
        if error is None:
            job.doing = "stopped with the gateway" if done.cancelled() else done.result()
            return
        job.wrong = True
        job.doing = f"{error.message}; {error.hint}" if isinstance(error, Web4Error) else type(error).__name__
        _log.error("dashboard.work_failed job=%s reason=%s", job.name, job.doing, exc_info=error)
