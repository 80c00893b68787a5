"""The learning curve: what each night did to held-out texts, over all nights.

A night's report is some ten thousand characters, and what it says of an ended night does not change: its few figures
are kept in memory, so that a page reads the reports of new nights alone. A night whose steps were erased is gone from
the list at once, and from the memory with it.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from web4_agent.domain.ids import RunId
from web4_agent.domain.runs import Run, RunState
from web4_agent.flows.dashboard.told import GENERAL, OTHER_DAYS, TONIGHT, ReportTold
from web4_agent.records import night_lists
from web4_agent.storage.payload import from_json

FLOW, REPORT = "night", "report"
MOST_POINTS = 400
READ_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Bits per byte, lower is better; None where the night did not measure it. `canaries` are those that pass after."""

    run: RunId
    day: date
    state: RunState
    before: float | None
    after: float | None
    other_days: float | None
    general: float | None
    canaries: int
    canaries_asked: int


class LearningCurve:
    """One a process. Safe to call from several threads: at worst a report is read twice."""

    def __init__(self) -> None:
        self._known: dict[tuple[RunId, datetime], CurvePoint] = {}

    def points(self, connection: Connection) -> tuple[CurvePoint, ...]:
        """The last nights that measured something, oldest first."""
        ended = night_lists.latest_with(connection, FLOW, REPORT, MOST_POINTS)
        known = {(run.id, at): self._known[run.id, at] for run, at in ended if (run.id, at) in self._known}
        missing = [(run, at) for run, at in ended if (run.id, at) not in known]
        for start in range(0, len(missing), READ_AT_ONCE):
            some = missing[start : start + READ_AT_ONCE]
            texts = night_lists.payloads(connection, [run.id for run, _ in some], [REPORT])
            known |= {(run.id, at): _point(run, texts[run.id, REPORT]) for run, at in some}
        self._known = known
        found = [known[run.id, at] for run, at in reversed(ended)]
        return tuple(one for one in found if one.after is not None or one.canaries_asked)


def _point(run: Run, text: str) -> CurvePoint:
    report = from_json(ReportTold, text)
    tonight, other, general = (report.of_group(group) for group in (TONIGHT, OTHER_DAYS, GENERAL))
    return CurvePoint(
        run.id,
        run.day,
        run.state,
        tonight.before if tonight else None,
        tonight.after if tonight else None,
        other.after if other else None,
        general.after if general else None,
        sum(one.after for one in report.canaries),
        len(report.canaries),
    )
