"""Notices an engine that dies again and again, or that does not come up, and has people told of it.

Called by the gateway every few seconds. One death is nothing to tell: the room starts the engine again.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from web4_agent.domain import tidings
from web4_agent.gateway.engine_room import RoomState
from web4_agent.records import alerts
from web4_agent.storage.database import Database

WINDOW = timedelta(minutes=10)
MOST_DEATHS = 3
"""In ten minutes; an engine takes seconds to start, so this is most of the time people wait for it."""
LONGEST_TROUBLE = timedelta(minutes=5)


class EngineDeaths:
    """Looks at one room's state. `look` may be called from any thread, one at a time."""

    def __init__(self, database: Database, now: Callable[[], datetime], state: RoomState) -> None:
        self._database = database
        self._now = now
        self._state = state
        self._seen: deque[tuple[datetime, int]] = deque()
        self._trouble_since: datetime | None = None
        self._quiet_until: datetime | None = None

    def look(self) -> bool:
        """Put an alert if there is cause, at most one in a window; returns whether. Raises DatabaseError."""
        now, state = self._now(), self._state
        self._seen.append((now, state.deaths))
        while self._seen[0][0] < now - WINDOW:
            self._seen.popleft()
        self._trouble_since = (self._trouble_since or now) if state.trouble else None
        deaths = state.deaths - self._seen[0][1]
        stuck = self._trouble_since is not None and now - self._trouble_since >= LONGEST_TROUBLE
        if (deaths < MOST_DEATHS and not stuck) or (self._quiet_until is not None and now < self._quiet_until):
            return False
        self._quiet_until = now + WINDOW
        version = str(state.version) if state.version is not None else "no version"
        minutes = int(WINDOW.total_seconds() // 60)
        alert = tidings.engine_dying(version, deaths, minutes, state.trouble or "it was started again each time", now)
        with self._database.begin() as connection:
            return alerts.put(connection, alert)
