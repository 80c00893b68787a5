"""The collections held against the ledger, now and then and never while a page waits: it reads every chunk's name."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from web4_agent.domain.errors import Web4Error
from web4_agent.flows.collections import CollectionParts, CollectionState, overview

FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Checked:
    """`trouble`: why the collections could not be read; `states` is empty then."""

    at_utc: datetime
    states: tuple[CollectionState, ...]
    trouble: str = ""


class CollectionHealth:
    def __init__(self, parts: Callable[[], CollectionParts], now: Callable[[], datetime]) -> None:
        self._parts = parts
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._checked: Checked | None = None

    def look(self) -> Checked | None:
        """The last check, None before the first. Begins a new one where that is old; the page after this one has it."""
        old = self._checked is None or self._now() - self._checked.at_utc >= FRESH
        if old and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._check())
        return self._checked

    def forget(self) -> None:
        """Something changed: look anew."""
        self._checked = None

    async def _check(self) -> None:
        try:
            states = await asyncio.to_thread(lambda: overview(self._parts()))
            self._checked = Checked(self._now(), states)
        except Web4Error as error:
            self._checked = Checked(self._now(), (), f"{error.message}; {error.hint}")
