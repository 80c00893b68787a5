"""What an index has to tell people: documents it set apart, files it did not take.

Called by the index inside the transactions that record the same. Told is what is new: a bad file is seen every day.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from web4_agent.domain import tidings
from web4_agent.domain.documents import DocumentState, Rejection, RejectionReason
from web4_agent.records import alerts, rejections
from web4_agent.records.documents import DocumentRow


def tell_of_quarantined(connection: Connection, rows: Sequence[DocumentRow], now: datetime) -> None:
    """Of those among these documents that wait for a person, in one alert; the same text is told of once."""
    waiting = [row for row in rows if row.state is DocumentState.QUARANTINED]
    if waiting:
        ids, hashes = [row.id for row in waiting], [row.content_hash for row in waiting]
        alerts.put(connection, tidings.documents_quarantined(ids, hashes, now))


def tell_of_rejected(connection: Connection, rejected: Sequence[Rejection], now: datetime) -> None:
    """Of files that are not on record as rejected for this reason: secrets by themselves, all else as a digest.

    Call it before they are recorded. What was forgotten is not named again.
    """
    known = {(row.id, row.reason) for row in rejections.every(connection)}
    fresh = [
        one for one in rejected if (one.id, one.reason) not in known and one.reason is not RejectionReason.FORGOTTEN
    ]
    secrets = [one for one in fresh if one.reason is RejectionReason.SECRET]
    others = [one for one in fresh if one.reason is not RejectionReason.SECRET]
    if secrets:
        alerts.put(connection, tidings.documents_quarantined([one.id for one in secrets], [now.isoformat()], now))
    if others:
        alerts.put(connection, tidings.index_rejected([one.id for one in others], [one.reason for one in others], now))
