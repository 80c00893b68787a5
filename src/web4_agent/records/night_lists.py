"""Runs of a flow as a list shows them: a page of them, what some of their steps left, and how long they took.

Called by the dashboard. Reads the tables of runs, steps and verdicts page by page, so that years of nights cost no more
than a page of them.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from web4_agent.domain.ids import AdapterVersion, RunId
from web4_agent.domain.runs import Run, RunState
from web4_agent.domain.verdicts import Verdict
from web4_agent.records.runs import runs, steps
from web4_agent.records.verdicts import verdicts
from web4_agent.storage.payload import from_json


def count(connection: Connection, flow: str) -> int:
    """How many runs of a flow there are."""
    return int(connection.execute(select(func.count()).select_from(runs).where(runs.c.flow == flow)).scalar_one())


def page(connection: Connection, flow: str, skip: int, most: int) -> list[Run]:
    """Runs of a flow, newest first."""
    query = select(runs).where(runs.c.flow == flow).order_by(runs.c.started_utc.desc(), runs.c.id.desc())
    rows = connection.execute(query.offset(skip).limit(most))
    return [Run(row.id, row.flow, row.day, RunState(row.state), row.started_utc, row.ended_utc) for row in rows]


def payloads(connection: Connection, of: Sequence[RunId], names: Sequence[str]) -> dict[tuple[RunId, str], str]:
    """What these steps of these runs (a few hundred at most) committed, as JSON text, by run and step."""
    query = select(steps.c.run, steps.c.name, steps.c.payload).where(steps.c.run.in_(of), steps.c.name.in_(names))
    return {(RunId(row.run), row.name): row.payload for row in connection.execute(query)}


def seconds(connection: Connection, of: Sequence[RunId]) -> dict[RunId, float]:
    """How long the committed steps of each of these runs took together."""
    query = select(steps.c.run, func.sum(steps.c.seconds)).where(steps.c.run.in_(of)).group_by(steps.c.run)
    return {RunId(row[0]): float(row[1]) for row in connection.execute(query)}


def latest_with(connection: Connection, flow: str, step: str, most: int) -> list[tuple[Run, datetime]]:
    """The last runs of a flow that committed this step, newest first, and when they did; no payload is read."""
    its = select(steps.c.committed_utc).where(steps.c.run == runs.c.id, steps.c.name == step)
    query = (  # by run, each with one look by key: a join would read through all steps, whose rows are long
        select(runs, its.scalar_subquery().label("committed_utc"))
        .where(runs.c.flow == flow, its.exists())
        .order_by(runs.c.started_utc.desc(), runs.c.id.desc())
        .limit(most)
    )
    return [
        (Run(row.id, row.flow, row.day, RunState(row.state), row.started_utc, row.ended_utc), row.committed_utc)
        for row in connection.execute(query)
    ]


def verdicts_on(connection: Connection, candidates: Sequence[AdapterVersion]) -> dict[AdapterVersion, Verdict]:
    """The latest verdict on each of these adapters (a few hundred at most) that has one."""
    query = select(verdicts.c.candidate, verdicts.c.body).where(verdicts.c.candidate.in_(candidates))
    rows = connection.execute(query.order_by(verdicts.c.judged_utc))
    return {AdapterVersion(row.candidate): from_json(Verdict, row.body) for row in rows}
