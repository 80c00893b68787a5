"""The nights, a row each: what went in, what was learned, what the gate said, how long it took, what serves since.

Reads what the nights committed. A night that is under way or was cut off has as much as it came to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import Connection

from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import AdapterVersion, RunId
from web4_agent.domain.runs import Run, RunState
from web4_agent.domain.verdicts import Decision, Verdict
from web4_agent.flows.reporting.figures import first_day
from web4_agent.flows.reporting.reports import ReportingParts
from web4_agent.records import runs, verdicts
from web4_agent.storage.payload import from_json

NIGHT = "night"
COLLECT, PREPARE, REPORT = "collect", "prepare", "report"
TONIGHT = "tonight"
"""The night's name for the held-out texts of its own documents."""
MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class Gain:
    """Bits per byte on held-out texts of the night's own documents: less is better, `gained` is above 0 then."""

    texts: int
    before: float
    after: float
    gained: float


@dataclass(frozen=True, slots=True)
class CanaryCount:
    """How many of `asked` canaries passed under production before the night, and under the candidate."""

    asked: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class NightVerdict:
    """The last verdict of a night. `reasons` are the sentences of the rules that failed: none where all passed."""

    decision: Decision
    candidate: AdapterVersion
    scale: float
    rules: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NightRow:
    """`samples` counts by origin. `adapter` is what the night made serve, None where it changed nothing. `seconds` are
    those of its committed steps. `gain`, `canaries` and `verdict` are None where the night did not come so far."""

    run: RunId
    day: date
    state: RunState
    started_utc: datetime
    ended_utc: datetime | None
    sentence: str
    documents: int
    samples: dict[str, int]
    tokens: int
    seconds: float
    gain: Gain | None
    canaries: CanaryCount | None
    verdict: NightVerdict | None
    adapter: AdapterVersion | None


@dataclass(frozen=True, slots=True)
class Nights:
    """Page `page` of `pages`, newest night first; `total` nights in all."""

    nights: tuple[NightRow, ...]
    page: int
    pages: int
    total: int


@dataclass(frozen=True, slots=True)
class _Learned:
    group: str
    items: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class _Pair:
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class _Collected:
    documents: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Prepared:
    samples: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Report:
    """Of a night's report, what a row shows; what else stands in it is left out."""

    sentence: str = ""
    documents: int = 0
    samples: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    learned: tuple[_Learned, ...] = ()
    canaries: tuple[_Pair, ...] = ()


def nights(parts: ReportingParts, *, days: int | None = None, limit: int = 20, page: int = 1) -> Nights:
    """Page by page, newest first: all nights, or those whose day is among the last `days`, today included.

    Raises UsageError where `days`, `limit` or `page` make no sense, DatabaseError.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise UsageError(f"--limit {limit} is not between 1 and {MOST_ROWS}", "write --limit 20")
    since = first_day(parts.now().astimezone(UTC).date(), days) if days is not None else None
    with parts.database.read() as connection:
        total = runs.number_of(connection, NIGHT, since)
        pages = max(1, -(-total // limit))
        if not 1 <= page <= pages:
            raise UsageError(f"--page {page} is not between 1 and {pages}", "web4-agent nights")
        found = runs.page(connection, NIGHT, since, limit, (page - 1) * limit)
        names = [run.id for run in found]
        payloads = runs.payloads(connection, names, (COLLECT, PREPARE, REPORT))
        took = runs.seconds(connection, names)
        rows = tuple(_row(connection, run, payloads, took.get(run.id, 0.0)) for run in found)
    return Nights(rows, page, pages, total)


def _row(connection: Connection, run: Run, payloads: Mapping[tuple[RunId, str], str], took: float) -> NightRow:
    told = _told(run, payloads)
    judged = verdicts.of_run(connection, run.id)
    verdict = _verdict(judged[-1]) if judged else None
    return NightRow(
        run=run.id,
        day=run.day,
        state=run.state,
        started_utc=run.started_utc,
        ended_utc=run.ended_utc,
        sentence=told.sentence,
        documents=told.documents,
        samples=told.samples,
        tokens=told.tokens,
        seconds=took,
        gain=_gain(told),
        canaries=_canaries(told),
        verdict=verdict,
        adapter=verdict.candidate if verdict and run.state is RunState.PROMOTED else None,
    )


def _told(run: Run, payloads: Mapping[tuple[RunId, str], str]) -> _Report:
    """The night's own report; of one that never made it, what its first steps left."""
    if (report := payloads.get((run.id, REPORT))) is not None:
        return from_json(_Report, report)
    collected, prepared = payloads.get((run.id, COLLECT)), payloads.get((run.id, PREPARE))
    return _Report(
        documents=len(from_json(_Collected, collected).documents) if collected else 0,
        samples=from_json(_Prepared, prepared).samples if prepared else {},
    )


def _gain(told: _Report) -> Gain | None:
    found = next((one for one in told.learned if one.group == TONIGHT), None)
    return Gain(found.items, found.before, found.after, found.before - found.after) if found else None


def _canaries(told: _Report) -> CanaryCount | None:
    if not told.canaries:
        return None
    before, after = (sum(getattr(one, side) for one in told.canaries) for side in ("before", "after"))
    return CanaryCount(len(told.canaries), before, after)


def _verdict(found: Verdict) -> NightVerdict:
    """Scales fall from one verdict of a night to the next: the last one decided."""
    failed = tuple(rule.sentence for rule in found.rules if not rule.passed)
    return NightVerdict(found.decision, AdapterVersion(found.candidate), found.scale, len(found.rules), failed)
