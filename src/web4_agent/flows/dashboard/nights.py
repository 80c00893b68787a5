"""The nights page: a row a night, one night whole, and the learning curve."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import RunId
from web4_agent.domain.runs import Run, RunState
from web4_agent.domain.verdicts import Decision, Verdict
from web4_agent.flows.dashboard.curve import FLOW, REPORT, CurvePoint
from web4_agent.flows.dashboard.parts import DashboardParts, Paged
from web4_agent.flows.dashboard.told import (
    TONIGHT,
    CollectedTold,
    LearnedTold,
    PreparedTold,
    ReportTold,
    StepTold,
    reasons_of,
)
from web4_agent.records import night_lists, runs, verdicts
from web4_agent.storage.payload import from_json

NIGHTS_A_PAGE = 20
COLLECT, PREPARE = "collect", "prepare"


@dataclass(frozen=True, slots=True)
class NightLine:
    """One night in the list. `gain`: bits per byte on tonight's held-out texts; `lost`: canaries that newly fail.

    `reasons` are of the verdict that decided, else what is said of a night that was not judged.
    """

    run: RunId
    day: date
    state: RunState
    started_utc: datetime
    documents: int
    samples: dict[str, int]
    tokens: int
    seconds: float
    gain: LearnedTold | None
    canaries: int
    canaries_asked: int
    lost: int
    decision: Decision | None
    scale: float
    reasons: tuple[str, ...]

    @property
    def sample_count(self) -> int:
        return sum(self.samples.values())


@dataclass(frozen=True, slots=True)
class NightWhole:
    """`report` is None for a night that did not end with one, and for one whose steps were erased by a forgetting."""

    line: NightLine
    ended_utc: datetime | None
    report: ReportTold | None
    verdicts: tuple[Verdict, ...]
    times: tuple[StepTold, ...]


def list_nights(parts: DashboardParts, number: int) -> Paged[NightLine]:
    """Nights, newest first. Raises DatabaseError."""
    with parts.database.read() as connection:
        total = night_lists.count(connection, FLOW)
        found = night_lists.page(connection, FLOW, (number - 1) * NIGHTS_A_PAGE, NIGHTS_A_PAGE + 1)
        lines = _lines(connection, found[:NIGHTS_A_PAGE])
    return Paged(lines, number, len(found) > NIGHTS_A_PAGE, total)


def learning_curve(parts: DashboardParts) -> tuple[CurvePoint, ...]:
    with parts.database.read() as connection:
        return parts.curve.points(connection)


def show_night(parts: DashboardParts, name: str) -> NightWhole:
    """Raises UsageError when no night is called so."""
    with parts.database.read() as connection:
        run = runs.get(connection, RunId(name))
        if run is None or run.flow != FLOW:
            raise UsageError(f"no night is called {name[:64]!r}", "web4-agent status")
        (line,) = _lines(connection, [run])
        text = night_lists.payloads(connection, [run.id], [REPORT]).get((run.id, REPORT))
        judged = tuple(verdicts.of_run(connection, run.id))
        done = runs.committed(connection, run.id).values()
    times = tuple(StepTold(one.name, one.seconds, one.peak_rss_bytes) for one in done)
    return NightWhole(line, run.ended_utc, from_json(ReportTold, text) if text else None, judged, times)


def _lines(connection: Connection, found: list[Run]) -> tuple[NightLine, ...]:
    ids = [run.id for run in found]
    texts = night_lists.payloads(connection, ids, [REPORT])
    unfinished = [run for run in ids if (run, REPORT) not in texts]
    texts |= night_lists.payloads(connection, unfinished, [COLLECT, PREPARE])
    seconds = night_lists.seconds(connection, ids)
    return tuple(_line(run, texts, seconds.get(run.id, 0.0)) for run in found)


def _line(run: Run, texts: dict[tuple[RunId, str], str], seconds: float) -> NightLine:
    text = texts.get((run.id, REPORT))
    report = from_json(ReportTold, text) if text else _unfinished(run, texts)
    verdict = report.verdict
    return NightLine(
        run=run.id,
        day=run.day,
        state=run.state,
        started_utc=run.started_utc,
        documents=report.documents,
        samples=report.samples,
        tokens=report.tokens,
        seconds=seconds,
        gain=report.of_group(TONIGHT),
        canaries=sum(one.after for one in report.canaries),
        canaries_asked=len(report.canaries),
        lost=sum(one.newly_failing for one in report.canaries),
        decision=verdict.decision if verdict else None,
        scale=verdict.scale if verdict else 1.0,
        reasons=reasons_of(verdict) if verdict else (report.sentence,),
    )


def _unfinished(run: Run, texts: dict[tuple[RunId, str], str]) -> ReportTold:
    """As far as it came. A night that ended without a report was given up, or its record erased by a forgetting."""
    collected, prepared = texts.get((run.id, COLLECT)), texts.get((run.id, PREPARE))
    documents = len(from_json(CollectedTold, collected).documents) if collected else 0
    samples = from_json(PreparedTold, prepared).samples if prepared else {}
    sentence = "It has not ended." if run.state is RunState.OPEN else "It ended without a report."
    return ReportTold(sentence, documents, samples)
