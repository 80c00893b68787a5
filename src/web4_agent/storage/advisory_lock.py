"""What one process holds for itself on a PostgreSQL server that machines share, as long as its connection lives.

Called by `database`. A server that is started again drops every connection and the locks with it: a holder has to look.
"""

import logging
import time

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import OperationalError

log = logging.getLogger(__name__)
WAIT_S = 5.0
"""How long a lock is asked for: a server learns of a killed holder's end a moment after it."""
ASKED_EVERY_S = 0.1
KEEPALIVE_S = {"tcp_keepalives_idle": 60, "tcp_keepalives_interval": 10}
"""The server drops a holder whose machine is gone after some minutes, not after the two hours that are usual."""


class AdvisoryLock:
    """An advisory lock of a session. Errors are SQLAlchemy's: callers translate them."""

    def __init__(self, engine: Engine, key: int) -> None:
        self._engine, self._key = engine, key
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Ask for it during `WAIT_S`; false when another has it still."""
        given_up = time.monotonic() + WAIT_S
        while not self._taken():
            if time.monotonic() >= given_up:
                return False
            time.sleep(ASKED_EVERY_S)
        return True

    def keep(self) -> bool:
        """Look whether it is held still, and take it again where its connection was lost; false when another has it."""
        assert self._connection is not None
        try:
            self._connection.execute(select(1))
        except OperationalError as error:
            log.warning("lock.lost reason=%s", str(error.orig).strip().splitlines()[-1])
            self._leave()
            return self.take()
        return True

    def give_back(self) -> None:
        """A connection that is gone has given it back already."""
        if self._connection is not None:
            try:
                self._connection.execute(select(func.pg_advisory_unlock(self._key)))
            except OperationalError as error:
                log.warning("lock.lost reason=%s", str(error.orig).strip().splitlines()[-1])
        self._leave()

    def _taken(self) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            for name, value in KEEPALIVE_S.items():  # a connection by a socket file takes them and has no need of them
                self._connection.exec_driver_sql(f"SET {name} = {value}")
        return bool(self._connection.execute(select(func.pg_try_advisory_lock(self._key))).scalar())

    def _leave(self) -> None:
        """Close the connection for good: pooled, it would hold what it holds."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
