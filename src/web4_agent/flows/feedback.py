"""Feedback: a thumb and a comment on a response, tied by its id to the query, the answer and the adapter that gave it.

Called by the CLI and by the gateway's POST /v1/feedback.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from web4_agent.domain.errors import UsageError
from web4_agent.domain.queries import Feedback, ResponseId, Thumb
from web4_agent.records import feedback, interactions
from web4_agent.records.interactions import CLIENT_CHARS, clean
from web4_agent.storage.database import Database

MAX_COMMENT_CHARS = 2_000
MAX_RESPONSE_CHARS = 40


@dataclass(frozen=True, slots=True)
class FeedbackParts:
    """`flush` lets the query log write what it still holds (QueryLog.flush in the gateway): a thumb may come before
    the row that it is about.
    """

    database: Database
    now: Callable[[], datetime]
    flush: Callable[[], object] = lambda: None


def give(parts: FeedbackParts, response: str, thumb: str, comment: str = "", client: str = "") -> Feedback:
    """Keep one person's word on one response, in place of what the same client said before.

    Raises UsageError when the response is unknown, the thumb neither `up` nor `down` or the comment too long;
    DatabaseError.
    """
    if thumb not in set(Thumb):
        raise UsageError(f"a thumb is up or down, not {thumb[:20]!r}", f"web4-agent feedback {response[:40]} up")
    if len(comment) > MAX_COMMENT_CHARS:
        raise UsageError(f"the comment has more than {MAX_COMMENT_CHARS:,} characters", "say it in fewer")
    asked = ResponseId(response)
    if not _known(parts.database, asked):
        parts.flush()
        if not _known(parts.database, asked):
            raise UsageError(
                f"no response is called {response[:MAX_RESPONSE_CHARS]!r}",
                "take the id from the answer; web4-agent export lists those of the last days",
            )
    given = Feedback(asked, clean(client)[:CLIENT_CHARS], parts.now(), Thumb(thumb), clean(comment).strip())
    with parts.database.begin() as connection:
        feedback.put(connection, given)
    return given


def _known(database: Database, response: ResponseId) -> bool:
    if len(response) > MAX_RESPONSE_CHARS or clean(response) != response:
        return False
    with database.read() as connection:
        return bool(interactions.known(connection, [response]))
