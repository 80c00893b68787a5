"""The today page: figures, targets, health, and the last answers to say something of."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from web4_agent.domain.runs import RunState
from web4_agent.flows.dashboard import last_answers, running_night, serving
from web4_agent.flows.dashboard.running import RunningNight
from web4_agent.flows.dashboard.today import Answers, Serving
from web4_agent.flows.reporting import Report, Satisfaction, TargetStatus, report, satisfaction
from web4_agent.gateway.dashboard.context import Context
from web4_agent.gateway.dashboard.door import visitor_of
from web4_agent.gateway.dashboard.health import Checked
from web4_agent.gateway.dashboard.pages import Notice
from web4_agent.gateway.dashboard.parts import PREFIX, EngineNow

DAYS = 7
SHARES = 3
"""The first checks of a report are the routes' shares; those after them are single figures."""


@dataclass(frozen=True, slots=True)
class Today:
    report: Report
    satisfaction: Satisfaction
    serving: Serving
    night: RunningNight | None
    answers: Answers


class TodayPage:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        found = await asyncio.to_thread(self._read, request.query_params.get("before", "")[:100])
        engine, checked = self._context.parts.engine(), self._context.health.look()
        return self._context.pages.render(
            request,
            "today.html",
            today=found,
            engine=engine,
            checked=checked,
            worries=tuple(_worries(found, engine, checked, self._context.parts.trouble())),
            shares=found.report.checks[:SHARES],
            figures=found.report.checks[SHARES:],
        )

    async def vote(self, request: Request) -> Response:
        fields = await self._context.form(request)
        response, thumb = fields.get("response", ""), fields.get("thumb", "")
        comment, client = fields.get("comment", ""), visitor_of(request).name
        await asyncio.to_thread(self._context.parts.vote, response, thumb, comment, client)
        said = f"Kept: thumb {thumb}{' and comment' if comment.strip() else ''} on {response}."
        return self._context.pages.told(f"{PREFIX}/", Notice(said))

    def _read(self, before: str) -> Today:
        parts = self._context.parts
        return Today(
            report(parts.reporting, DAYS),
            satisfaction(parts.reporting, DAYS),
            serving(parts.reads),
            running_night(parts.reads),
            last_answers(parts.reads, before),
        )


def _worries(found: Today, engine: EngineNow, checked: Checked | None, log_trouble: str) -> Iterator[str]:
    """What a person should look at, in sentences; none when all is well."""
    if engine.version is None:
        yield "No engine is running: nothing is answered."
    if engine.trouble:
        yield f"The engine: {engine.trouble}."
    if log_trouble:
        yield f"{log_trouble[:1].upper()}{log_trouble[1:]}."
    last = found.serving.last_night
    if last is not None and last.state is RunState.FAILED:
        yield f"The last night, {last.id}, failed."
    if found.night is not None and found.night.holder is None:
        yield f"The night {found.night.run} is open and no process here is at it: web4-agent evening goes on with it."
    for check in found.report.checks:
        if check.status is TargetStatus.ALARM:
            yield f"Off target over {DAYS} days: {check.target.name} (aimed at {check.target.aim})."
    if checked is not None:
        yield from _differences(checked)


def _differences(checked: Checked) -> Iterator[str]:
    if checked.trouble:
        yield f"The collections can't be read: {checked.trouble}."
    for state in checked.states:
        if not state.healthy:
            yield f"{state.name} differs from the ledger, {state.differs}: web4-agent doctor --fix."
