"""Which policy holds now: the version in force, else the settings'. Followed while a process runs, without a restart.

Called by the library before every look-up. The ledger is asked at most four times a second, and a version is read once.
"""

import logging
import time

from web4_agent.domain.errors import IntegrityError
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.records import policies
from web4_agent.storage.database import Database

_log = logging.getLogger(__name__)


class PolicyInForce:
    """Safe to call from several threads: at worst two of them read the same version."""

    def __init__(self, database: Database, default: RetrievalPolicy, look_every_s: float) -> None:
        self._database = database
        self._default = default
        self._look_every_s = look_every_s
        self._looked_s = -1e9
        self._held = (policies.SETTINGS, default)

    def now(self) -> RetrievalPolicy:
        """A version that can't be read is logged, and the settings hold: questions are answered all the same."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= self._look_every_s:
            self._looked_s = now_s
            with self._database.read() as connection:
                number = policies.number_in_force(connection)
            if number != self._held[0]:
                self._held = (number, self._read(number))
        return self._held[1]

    def _read(self, number: int) -> RetrievalPolicy:
        try:
            with self._database.read() as connection:
                found = policies.find(connection, number)
        except IntegrityError as error:
            _log.error("retrieval.policy_unreadable version=%d reason=%s", number, error.message)
            return self._default
        _log.info("retrieval.policy_followed version=%d", number)
        return self._default if found is None else found.policy
