"""The query log's writer: takes rows from the gateway in a microsecond and commits them in batches, on its own thread.

    add -> queue -> every 50 ms or 1,000 rows -> one transaction: rows, texts, hourly roll-up, document uses

Made by bootstrap, fed by the gateway. Nothing is lost in silence: while the database takes nothing, rows wait in memory
up to a limit, then in a file, from which they are read back; what can be written nowhere is counted and logged. A
process that is killed loses what was added in the last 100 ms. Knows no HTTP and no report.
"""

import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from web4_agent.domain.errors import DatabaseError, DiskFullError, IntegrityError, Web4Error
from web4_agent.domain.queries import Interaction
from web4_agent.records import document_uses, interactions, query_hours
from web4_agent.storage.database import Database
from web4_agent.storage.payload import from_json, to_json
from web4_agent.storage.spill import SpillFile

log = logging.getLogger(__name__)

RETRY_S = 0.5
HOUSEKEEPING_S = 3600.0
FORGET_EVERY = timedelta(days=1)
_CLOSED = (DatabaseError, DiskFullError)
_NO_FILE = (Web4Error, OSError)
_REFUSED = (SQLAlchemyError, ValueError, TypeError, OverflowError, AttributeError)
"""What a single row can be guilty of; the rows beside it are written without it."""


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """`text_days`: how long text is kept, 0 for not at all. The last three bound the memory while nothing is taken."""

    text_days: int = 30
    batch_rows: int = 1_000
    wait_s: float = 0.05
    waiting_rows: int = 20_000
    waiting_chars: int = 32_000_000
    queue_rows: int = 200_000


@dataclass(frozen=True, slots=True)
class LogHealth:
    """Counts since the start. `waiting`: rows in memory; `spilled`: rows put into the file; `refused`: rows that no
    database takes, kept in a file of their own; `lost`: rows that could be written nowhere. `error` is the last
    failure, empty when the last commit succeeded.
    """

    alive: bool
    waiting: int
    written: int
    spilled: int
    refused: int
    lost: int
    failures: int
    error: str

    @property
    def well(self) -> bool:
        return self.alive and not self.error and not self.lost


class QueryLog:
    """Call `add` from any thread; `close` when done. The thread is a daemon: a forgotten `close` runs at exit."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        spill: SpillFile,
        refused: SpillFile,
        policy: LogPolicy | None = None,
    ) -> None:
        self._database = database
        self._now = now
        self._spill = spill
        self._refusals = refused
        self._policy = policy or LogPolicy()
        self._queue: deque[Interaction | threading.Event] = deque()
        self._pending: deque[Interaction | threading.Event] = deque()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._closing = self._doubt = False
        self._replay_wanted = True
        self._forgotten_utc: datetime | None = None
        self._written = self._spilled = self._refused = self._lost = self._failures = 0
        self._error = ""
        self._thread = threading.Thread(target=self._run, name="query-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def add(self, interaction: Interaction) -> None:
        """Hand over one row. Waits for a disk only past `queue_rows` and after `close`: then it goes to the file."""
        if self._closing or len(self._queue) >= self._policy.queue_rows:
            self._spill_rows([interaction])
            return
        self._queue.append(interaction)
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all that was added before is written. False when that took longer, or went into the file."""
        spilled, written = self._spilled, threading.Event()
        self._queue.append(written)
        self._hurry.set()
        self._wake.set()
        return written.wait(timeout_s) and self._spilled == spilled

    def close(self, timeout_s: float = 15.0) -> None:
        """Write what waits, in the database or else in the file, and stop. Safe to repeat."""
        if self._closing:
            return
        atexit.unregister(self.close)
        self._closing = True
        self._hurry.set()
        self._wake.set()
        self._thread.join(timeout_s)
        self._spill_waiting()
        self._database.close()

    @property
    def health(self) -> LogHealth:
        return LogHealth(
            alive=self._thread.is_alive(),
            waiting=len(self._queue) + len(self._pending),
            written=self._written,
            spilled=self._spilled,
            refused=self._refused,
            lost=self._lost,
            failures=self._failures,
            error=self._error,
        )

    def _run(self) -> None:
        while True:
            self._keep_house()
            self._wake.wait(RETRY_S if self._error else HOUSEKEEPING_S)
            self._wake.clear()
            if not self._closing:
                self._hurry.wait(RETRY_S if self._error else self._policy.wait_s)
                self._hurry.clear()
            closing = self._closing
            self._write_all()
            if closing:
                return

    def _write_all(self) -> None:
        """Until nothing waits or the database takes nothing; then what is too much for the memory goes to the file."""
        while self._take(self._policy.batch_rows):
            batch = list(self._pending)[: self._policy.batch_rows]
            try:
                self._write([one for one in batch if isinstance(one, Interaction)])
            except _CLOSED as error:
                self._failed(error)
                self._relieve()
                return
            self._doubt, self._error = False, ""
            for _ in batch:
                self._pending.popleft()
            _tell(batch)

    def _take(self, count: int) -> bool:
        """Move what was added to the writer's own side, up to `count` rows there. False when there is none."""
        while len(self._pending) < count and self._queue:
            self._pending.append(self._queue.popleft())
        return bool(self._pending)

    def _write(self, rows: Sequence[Interaction]) -> None:
        """One transaction; when a row is at fault, halves of it, down to that row. Raises what `_CLOSED` names."""
        if not rows:
            return
        try:
            self._commit(rows)
        except _REFUSED as error:
            if len(rows) == 1:
                self._refuse(rows[0], error)
                return
            self._write(rows[: len(rows) // 2])
            self._write(rows[len(rows) // 2 :])

    def _commit(self, rows: Sequence[Interaction]) -> None:
        with self._database.begin() as connection:
            if self._doubt:  # a commit that failed may have been done all the same
                there = interactions.known(connection, [row.response for row in rows])
                rows = [row for row in rows if row.response not in there]
            interactions.add(connection, rows, texts=self._policy.text_days > 0)
            query_hours.add(connection, rows)
            document_uses.add(connection, rows)
        self._written += len(rows)

    def _failed(self, error: Exception) -> None:
        self._doubt = True
        self._failures += 1
        if not self._error:
            log.warning("query_log.write_failed waiting=%d error=%s", len(self._queue), error)
        self._error = str(error)

    def _relieve(self) -> None:
        """Put all that waits into the file when it is more than the policy lets wait in memory."""
        self._take(self._policy.queue_rows)
        rows = [one for one in self._pending if isinstance(one, Interaction)]
        chars = sum(len(row.query) + len(row.answer) for row in rows)
        if len(rows) > self._policy.waiting_rows or chars > self._policy.waiting_chars:
            self._spill_waiting()

    def _spill_waiting(self) -> None:
        self._take(len(self._queue) + len(self._pending))
        waiting, self._pending = list(self._pending), deque()
        self._spill_rows([one for one in waiting if isinstance(one, Interaction)])
        _tell(waiting)

    def _spill_rows(self, rows: Sequence[Interaction]) -> None:
        if not rows:
            return
        self._spilled += len(rows)
        try:
            self._spill.append(_line(row, text=self._policy.text_days > 0) for row in rows)
        except _NO_FILE as error:
            self._lost += len(rows)
            log.error("query_log.lost rows=%d error=%s", len(rows), error)  # noqa: TRY400 - the line says it all
            return
        self._replay_wanted = True
        log.warning("query_log.spilled rows=%d file=%s", len(rows), self._spill.path)

    def _refuse(self, row: Interaction, error: Exception) -> None:
        log.warning("query_log.refused response=%s error=%s", row.response, type(error).__name__)
        self._keep_refused(_line(row, text=self._policy.text_days > 0))

    def _keep_refused(self, line: bytes) -> None:
        self._refused += 1
        try:
            self._refusals.append([line])
        except _NO_FILE as error:
            self._lost += 1
            log.error("query_log.lost rows=1 error=%s", error)  # noqa: TRY400 - as above

    def _keep_house(self) -> None:
        """Read the file back and forget old text, when there is nothing more urgent."""
        if self._pending:
            return
        try:
            if self._replay_wanted:
                self._replay_wanted = False
                if back := self._spill.replay(self._take_back):
                    log.info("query_log.replayed rows=%d", back)
            self._forget()
        except _NO_FILE as error:
            self._replay_wanted = True
            self._failed(error)
        else:
            self._error = ""

    def _take_back(self, lines: Sequence[bytes]) -> None:
        rows = []
        for line in lines:
            try:
                rows.append(from_json(Interaction, line.decode("utf-8", "replace")))
            except IntegrityError:
                self._keep_refused(line)
        self._doubt = True  # a replay may have been killed half-way
        self._write(rows)
        self._doubt = False
        self._write_all()  # what was added meanwhile waits no longer than a page takes

    def _forget(self) -> None:
        now = self._now()
        if self._forgotten_utc is not None and now - self._forgotten_utc < FORGET_EVERY:
            return
        with self._database.begin() as connection:
            gone = interactions.forget_texts(connection, now - timedelta(days=self._policy.text_days))
        self._forgotten_utc = now
        if gone:
            log.info("query_log.texts_forgotten rows=%d", gone)


def _tell(waiting: Iterable[Interaction | threading.Event]) -> None:
    for one in waiting:
        if isinstance(one, threading.Event):
            one.set()


def _line(row: Interaction, *, text: bool) -> bytes:
    kept = row if text else replace(row, query="", answer="")
    return to_json(kept).encode("utf-8", "replace")
