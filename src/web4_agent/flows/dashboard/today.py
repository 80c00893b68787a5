"""The today page: what serves and since when, the last answers with what people thought of them, the last errors.

The figures of the day are a flow of their own (reporting): the gateway puts them beside these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from web4_agent.domain.adapters import Pointer
from web4_agent.domain.queries import Feedback, ResponseId
from web4_agent.domain.runs import Run
from web4_agent.flows.dashboard.curve import FLOW
from web4_agent.flows.dashboard.documents import Counts
from web4_agent.flows.dashboard.parts import DashboardParts
from web4_agent.records import adapters, documents, feedback, recent_answers, rejections, runs
from web4_agent.records.recent_answers import RecentAnswer, RecentError

ANSWERS_A_PAGE = 5
ERRORS_AMONG = 500
"""Errors are looked for among so many last queries: a bound, whatever the log's length."""
MOST_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Serving:
    """What the ledger says serves, the documents by state, and the last night (open or ended), where there was one."""

    pointer: Pointer
    documents: Counts
    last_night: Run | None
    errors: Sequence[RecentError]


@dataclass(frozen=True, slots=True)
class AnswerShown:
    """`said`: every thumb on it, oldest first."""

    answer: RecentAnswer
    said: tuple[Feedback, ...]

    def by(self, client: str) -> Feedback | None:
        """What this client said of it."""
        return next((one for one in self.said if one.client == client), None)


@dataclass(frozen=True, slots=True)
class Answers:
    """`older` is where the next page begins, empty on the last; `kept`: whether texts are kept at all."""

    rows: tuple[AnswerShown, ...]
    older: str
    kept: bool


def serving(parts: DashboardParts) -> Serving:
    """Raises DatabaseError when the home was never initialised."""
    with parts.database.read() as connection:
        nights = runs.recent(connection, FLOW, 1)
        return Serving(
            adapters.read_pointer(connection),
            Counts(documents.states(connection), len(rejections.every(connection))),
            nights[0] if nights else None,
            recent_answers.errors(connection, ERRORS_AMONG, MOST_ERRORS),
        )


def last_answers(parts: DashboardParts, before: str = "") -> Answers:
    """The last answers whose text is kept; `before` is the `older` of the page before, anything else is the first."""
    with parts.database.read() as connection:
        found = list(recent_answers.answers(connection, ANSWERS_A_PAGE + 1, _place(before)))
        rows = found[:ANSWERS_A_PAGE]
        said = feedback.of_responses(connection, [row.response for row in rows])
    older = f"{rows[-1].at_utc.isoformat()}~{rows[-1].response}" if len(found) > ANSWERS_A_PAGE else ""
    return Answers(tuple(AnswerShown(row, said.get(row.response, ())) for row in rows), older, parts.texts_kept)


def _place(before: str) -> tuple[datetime, ResponseId] | None:
    moment, _, response = before.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC), ResponseId(response[:40]))
