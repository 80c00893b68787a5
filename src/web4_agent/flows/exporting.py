"""The query log as JSON lines: every query of the last days with its text, as far as kept, and what people said of it.

Called by the CLI. Reads page by page, so that neither memory nor a long transaction grows with the log. Never writes to
the ledger.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from web4_agent.domain.errors import UsageError
from web4_agent.domain.queries import Interaction
from web4_agent.records import feedback, interactions
from web4_agent.storage.database import Database
from web4_agent.storage.payload import to_json

PAGE = 500
MOST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class ExportParts:
    database: Database
    now: datetime


def export(parts: ExportParts, days: int) -> Iterator[str]:
    """One JSON object a query, oldest first, of the last `days` times 24 hours. Raises UsageError, DatabaseError."""
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"--days {days} is not between 1 and {MOST_DAYS:,}", "write --days 7")
    return _lines(parts, parts.now - timedelta(days=days))


def _lines(parts: ExportParts, start: datetime) -> Iterator[str]:
    last: Interaction | None = None
    while True:
        with parts.database.read() as connection:
            rows = interactions.page(connection, start, parts.now, last, count=PAGE)
            said = feedback.of_responses(connection, [row.response for row in rows])
        for row in rows:
            thumbs = [
                {"client": one.client, "at_utc": one.at_utc, "thumb": one.thumb, "comment": one.comment}
                for one in said.get(row.response, ())
            ]
            yield to_json({**asdict(row), "feedback": thumbs})
        if len(rows) < PAGE:
            return
        last = rows[-1]
