"""The feedback_uses table: which votes each night made something of, and what.

A vote counts as used where the night's adapter is in the lineage that serves; so a rejected night gives it back without
a word here.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Column, Connection, ForeignKey, PrimaryKeyConstraint, String, Table, delete, func, insert, select

from web4_agent.domain.ids import AdapterVersion, RunId
from web4_agent.domain.queries import ResponseId
from web4_agent.domain.runs import RunState
from web4_agent.domain.thumbs import Use, VoteUse
from web4_agent.records.adapters import adapters
from web4_agent.records.runs import runs
from web4_agent.storage.database import metadata

feedback_uses = Table(
    "feedback_uses",
    metadata,
    Column("run", String(64), ForeignKey("runs.id"), nullable=False),
    Column("response", String(40), nullable=False, index=True),
    Column("client", String(120), nullable=False),
    Column("use", String(16), nullable=False),
    PrimaryKeyConstraint("run", "response", "client", "use"),
)
PAGE = 500
"""Values in one statement: below the limit of variables of every database."""


def put(connection: Connection, run: RunId, uses: Iterable[VoteUse]) -> None:
    """What the run made of votes, in place of what it had made of them."""
    connection.execute(delete(feedback_uses).where(feedback_uses.c.run == run))
    values = [{"run": run, "response": one.response, "client": one.client, "use": one.use.value} for one in uses]
    if values:
        connection.execute(insert(feedback_uses), values)


def of_runs(connection: Connection, made: Sequence[RunId]) -> set[VoteUse]:
    """What these runs (a thousand at most) made of votes."""
    query = select(feedback_uses).where(feedback_uses.c.run.in_(made))
    return {VoteUse(ResponseId(row.response), row.client, Use(row.use)) for row in connection.execute(query)}


def of_nights_left(connection: Connection, lineage: Sequence[RunId]) -> set[VoteUse]:
    """What promoted nights made of votes whose adapters are not in the lineage any more: they were rolled back."""
    query = (
        select(feedback_uses)
        .join(runs, runs.c.id == feedback_uses.c.run)
        .where(runs.c.state == RunState.PROMOTED, runs.c.id.not_in(lineage))
    )
    return {VoteUse(ResponseId(row.response), row.client, Use(row.use)) for row in connection.execute(query)}


def counts(connection: Connection, run: RunId) -> dict[Use, int]:
    """How many votes the run made each use of."""
    query = select(feedback_uses.c.use, func.count()).where(feedback_uses.c.run == run).group_by(feedback_uses.c.use)
    return {Use(row[0]): int(row[1]) for row in connection.execute(query)}


def taught(connection: Connection, responses: Iterable[ResponseId]) -> tuple[set[RunId], set[AdapterVersion]]:
    """The runs that put one of these answers through training, and the adapters they made."""
    found: set[str] = set()
    ordered = sorted(set(responses))
    for start in range(0, len(ordered), PAGE):
        page = feedback_uses.c.response.in_(ordered[start : start + PAGE])
        query = select(feedback_uses.c.run).where(page, feedback_uses.c.use != Use.KEPT_OUT.value)
        found |= set(connection.execute(query.distinct()).scalars())
    made = select(adapters.c.version).where(adapters.c.run.in_(sorted(found)))
    versions = {AdapterVersion(one) for one in connection.execute(made).scalars()}
    return {RunId(one) for one in found}, versions


def erase(connection: Connection, made: Sequence[RunId]) -> None:
    """These runs are as if they had made nothing of any vote."""
    for start in range(0, len(made), PAGE):
        connection.execute(delete(feedback_uses).where(feedback_uses.c.run.in_(made[start : start + PAGE])))
