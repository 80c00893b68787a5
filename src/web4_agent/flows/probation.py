"""Probation: watch a newly promoted adapter among people, alarm on evidence against it, and let the one before serve.

Called by the gateway every few seconds, by `web4-agent probation --act` where none runs, and for a look by the command
without it. Everything is told from the ledger (the pointer's moves, the query log), so that any process may look at any
time: it opens the probation of a version that serves for the first time, ends that of a version that no longer serves,
and rolls back once, whoever sees the alarm first. Knows no HTTP; how to roll back is a part it is given.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from web4_agent.domain.errors import BusyError, UsageError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.probation import (
    Baseline,
    Count,
    Counts,
    Finding,
    Probation,
    ProbationPolicy,
    ProbationState,
    Sign,
)
from web4_agent.domain.queries import Thumb
from web4_agent.domain.tidings import drift, rolled_back_by_probation
from web4_agent.records import adapters, alerts, feedback, probations
from web4_agent.steps.proportions import share
from web4_agent.steps.watch.counting import count, slow_limits, together
from web4_agent.steps.watch.evidence import HIGHEST_EXPECTED, findings
from web4_agent.storage.database import Database

log = logging.getLogger(__name__)

BASELINE = timedelta(days=30)
BASELINE_ROWS = 2_000
SLOW_SHARE = 0.05
"""Of the answers before, by the making of the limit, at most so many are slow."""
POOLED = (Sign.ERROR, Sign.EMPTY, Sign.LOOPING, Sign.FORMAT)
"""Signs that are added up over versions. What is slow is told for each from what was before it, and thumbs are few."""
MOST_UNJUDGED = 30
FEWEST_THUMBS = 30
"""With fewer thumbs on earlier answers nobody knows what is usual."""
SETTLE_AFTER = timedelta(hours=1)
"""A query is logged when it ends, under the time at which it began: none takes an hour, so that what is older is
counted once and for good."""
NOT_BY_ITSELF = "not rolled back by itself: [probation] rolls_back is false"


@dataclass(frozen=True, slots=True)
class ProbationParts:
    """`roll_back` lets the second version serve in place of the first, with the reason; it raises BusyError while a
    night or another rollback runs, and UsageError when the first no longer serves."""

    database: Database
    policy: ProbationPolicy
    now: Callable[[], datetime]
    roll_back: Callable[[AdapterVersion, AdapterVersion, str], object]
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class Unjudged:
    """The version that serves and those before it whose probation the next promotion cut short, as one: each alone may
    have answered too few to be judged. `previous` served before the first of them, and is what is usual."""

    versions: int
    previous: AdapterVersion
    since_utc: datetime
    requests: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the version that serves does. `probation` is None where it never was on probation (the base model, or a
    version that was returned to). `requests` counts the answers that count. `unjudged` is None where the version before
    was judged."""

    production: AdapterVersion
    probation: Probation | None
    requests: int
    findings: tuple[Finding, ...]
    unjudged: Unjudged | None = None

    @property
    def alarm(self) -> Probation | None:
        """The probation whose alarm has not been acted on."""
        found = self.probation
        return found if found is not None and found.state is ProbationState.ALARMED else None


def look(parts: ProbationParts) -> Standing:
    """How things stand, as `check` would put it down; nothing is written."""
    with parts.database.read() as connection:
        return _Check(parts, connection, parts.now()).standing()


def check(parts: ProbationParts) -> Standing:
    """Bring the ledger up to date: open, count, alarm, pass or end. Writes only when something changed; idempotent."""
    with parts.database.read() as connection:
        looked = _Check(parts, connection, parts.now())
        standing = looked.standing()
    if not looked.changes:
        return standing
    parts.reached("probation.check.done")
    with parts.database.begin() as connection:
        again = _Check(parts, connection, parts.now(), lock=True)
        standing = again.standing()
        again.write()
        parts.reached("probation.check.committing")
    parts.reached("probation.check.committed")
    for row in again.changes:
        log.info("probation.%s adapter=%s reason=%s", row.state, row.adapter, row.reason or row.warning)
    return standing


def watch_over(parts: ProbationParts) -> Standing:
    """`check`, and on an alarm let the version before serve. What stands in the way now is tried again next time.

    Raises what the rollback raises when the files of the version before are not whole: then nothing has changed.
    """
    if parts.policy.rolls_back:
        _end_begun(parts)
    standing = check(parts)
    alarmed = standing.alarm
    if alarmed is not None and parts.policy.rolls_back and _go_back(parts, alarmed):
        parts.reached("probation.rolled_back")
        check(parts)
    return standing


def history(database: Database, most: int) -> list[Probation]:
    """The last probations, newest first."""
    with database.read() as connection:
        return probations.recent(connection, most)


def tolerated(before: Count, margin: float, assumed: float = 0.0) -> float:
    """The rate that is held against a version: what was usual and the margin, or the most that may have been usual (the
    upper end of its 95 % interval) where that is larger. With `assumed`, the answers before say too little."""
    usual = share(before.events, before.trials)
    if assumed:
        return max(assumed, usual.value) + margin
    return max(usual.high, usual.value + margin)


def _end_begun(parts: ProbationParts) -> None:
    """A rollback that was killed when the pointer had moved and not all had followed ends what it began."""
    with parts.database.read() as connection:
        production = adapters.read_pointer(connection).production
        begun = [row for row in probations.open_ones(connection) if row.previous == production]
    for row in begun:
        if row.state is ProbationState.ALARMED:
            _go_back(parts, row)


def _go_back(parts: ProbationParts, row: Probation) -> bool:
    """False when it must wait."""
    try:
        parts.roll_back(row.adapter, row.previous, f"probation: {row.reason}")
    except BusyError as error:
        log.warning("probation.rollback_waits adapter=%s reason=%s", row.adapter, error.message)
        return False
    except UsageError as error:  # another process, or a person, was quicker
        log.info("probation.rollback_not_needed adapter=%s reason=%s", row.adapter, error.message)
    return True


class _Check:
    """One look in one transaction; `changes` are the rows that differ from the ledger's."""

    def __init__(self, parts: ProbationParts, connection: Connection, now: datetime, *, lock: bool = False) -> None:
        self._parts = parts
        self._connection = connection
        self._now = now
        self._lock = lock
        self._warned: tuple[str, Finding] | None = None
        self.changes: list[Probation] = []

    def standing(self) -> Standing:
        production = adapters.read_pointer(self._connection).production
        for other in probations.open_ones(self._connection):
            if other.adapter != production:
                self.changes.append(self._ended(other))
        row = probations.get(self._connection, production, lock=self._lock) or self._opened(production)
        if row is None:
            return Standing(production, None, 0, ())
        counted = self._counted(row)
        found = findings(counted, row.baseline.counts, row.baseline.expected, self._parts.policy)
        requests = counted.get(Sign.ERROR, Count()).trials
        unjudged = self._unjudged(row, counted)
        if row.state is ProbationState.RUNNING:
            row = self._judged(row, found, counted, requests, unjudged)
        return Standing(production, row, requests, found, unjudged)

    def write(self) -> None:
        for row in self.changes:
            probations.put(self._connection, row)
            if row.state is ProbationState.ALARMED:
                told = row.reason if self._parts.policy.rolls_back else f"{row.reason}; {NOT_BY_ITSELF}"
                alert = rolled_back_by_probation(row.adapter, row.previous, told, self._now)
                alerts.put(self._connection, alert)
        if self._warned is not None:
            what, found = self._warned
            aim, measured = f"up to {found.expected:.0%}", f"{found.rate:.0%}"
            alerts.put(self._connection, drift(what, aim, measured, 1, self._now))

    def _opened(self, production: AdapterVersion) -> Probation | None:
        """A version that serves for the first time; one that is returned to is known."""
        moves = [move for move in adapters.moves(self._connection) if move[2] == production]
        if production == BASE or len(moves) != 1:
            return None
        at, source, _, _ = moves[0]
        if source is None:
            return None
        opened = Probation(production, source, at, ProbationState.RUNNING, self._baseline(source, at), at)
        self.changes.append(opened)
        return opened

    def _baseline(self, previous: AdapterVersion, at: datetime) -> Baseline:
        """The version before; where it answered too few, whatever served before; where those are too few, assumed."""
        policy, start = self._parts.policy, at - BASELINE
        rows = probations.recent_answers(self._connection, start, at, BASELINE_ROWS, previous)
        if len(rows) < policy.minimum_rows:
            rows = probations.recent_answers(self._connection, start, at, BASELINE_ROWS)
        slow = slow_limits(rows, policy)
        counts = count(rows, slow)
        expected: dict[Sign, float] = {}
        if slow.stream_s or slow.whole_s:
            expected[Sign.SLOW] = SLOW_SHARE + policy.slow_margin
        assumed = tuple(sign for sign, one in counts.items() if one.trials < policy.minimum_rows)
        for sign in (Sign.ERROR, Sign.EMPTY, Sign.LOOPING, Sign.FORMAT):
            expected[sign] = tolerated(counts[sign], policy.margin, policy.assumed_rate if sign in assumed else 0.0)
        thumbs = counts[Sign.THUMBS] = self._thumbs(previous, start, at)
        if thumbs.trials >= FEWEST_THUMBS:
            expected[Sign.THUMBS] = tolerated(thumbs, policy.thumbs_margin)
        tested = {sign: rate for sign, rate in expected.items() if rate <= HIGHEST_EXPECTED}
        return Baseline(counts, tested, slow, assumed)

    def _counted(self, row: Probation) -> Counts:
        """All since the promotion: what was settled, and what came after, read anew at each look."""
        end = row.ended_utc or self._now
        since = count(probations.answers(self._connection, row.adapter, row.settled_utc, end), row.baseline.slow)
        counted = together(row.settled, since)
        counted[Sign.THUMBS] = self._thumbs(row.adapter, row.started_utc, end)
        return counted

    def _thumbs(self, adapter: AdapterVersion, start: datetime, end: datetime) -> Count:
        given = [one for one in feedback.counts(self._connection, start, end) if one.adapter == adapter]
        down = sum(one.count for one in given if one.thumb is Thumb.DOWN)
        return Count(down, sum(one.count for one in given))

    def _unjudged(self, row: Probation, counted: Counts) -> Unjudged | None:
        """One bet goes on over all of them against what was usual before the first, so that looking at it whenever
        another version comes is looking at one bet again."""
        cut_short: list[Probation] = []
        before = self._before(row)
        while before is not None and before.state is ProbationState.LEFT and len(cut_short) < MOST_UNJUDGED:
            cut_short.append(before)
            before = self._before(before)
        if not cut_short:
            return None
        first, pooled = cut_short[-1], counted
        for one in cut_short:
            pooled = together(pooled, one.settled)
        expected = {sign: rate for sign, rate in first.baseline.expected.items() if sign in POOLED}
        return Unjudged(
            len(cut_short) + 1,
            first.previous,
            first.started_utc,
            pooled.get(Sign.ERROR, Count()).trials,
            findings(pooled, first.baseline.counts, expected, self._parts.policy),
        )

    def _before(self, row: Probation) -> Probation | None:
        """As this look leaves it."""
        changed = next((one for one in self.changes if one.adapter == row.previous), None)
        return changed or probations.get(self._connection, row.previous)

    def _judged(
        self,
        row: Probation,
        found: tuple[Finding, ...],
        counted: Counts,
        requests: int,
        unjudged: Unjudged | None,
    ) -> Probation:
        alarms = [one for one in found if one.alarm]
        against = [one for one in alarms if one.sign is not Sign.THUMBS]
        changed = self._settled(row)
        warned = _warning(alarms, unjudged)
        if warned is not None and not row.warning:
            self._warned = warned
            changed = replace(changed, warning=f"{warned[0]}: {warned[1].sentence}")
        long_enough = self._now - row.started_utc >= timedelta(hours=self._parts.policy.hours)
        reason, state = "", row.state
        if against:
            reason, state = "; ".join(one.sentence for one in against), ProbationState.ALARMED
        elif long_enough and requests >= self._parts.policy.requests:
            reason, state = f"{requests} requests without an alarm", ProbationState.PASSED
        if reason:
            at = self._now
            changed = replace(changed, state=state, reason=reason, ended_utc=at, settled_utc=at, settled=counted)
        if changed is not row:
            self._note(changed)
        return changed

    def _settled(self, row: Probation) -> Probation:
        """Moved on once in SETTLE_AFTER, so that a look reads two hours of the log at most."""
        if self._now - row.settled_utc < 2 * SETTLE_AFTER:
            return row
        until = self._now - SETTLE_AFTER
        rows = probations.answers(self._connection, row.adapter, row.settled_utc, until)
        return replace(row, settled=together(row.settled, count(rows, row.baseline.slow)), settled_utc=until)

    def _ended(self, row: Probation) -> Probation:
        """Another version serves: by the alarm, or by the next promotion or a person's command."""
        _, _, target, why = [move for move in adapters.moves(self._connection) if move[1] == row.adapter][-1]
        if row.state is ProbationState.ALARMED and target == row.previous:
            return replace(row, state=ProbationState.ROLLED_BACK, ended_utc=self._now)
        counted = self._counted(row)
        return replace(
            row,
            state=ProbationState.LEFT,
            ended_utc=self._now,
            reason=row.reason or f"{target}: {why}",
            settled=counted,
            settled_utc=self._now,
        )

    def _note(self, row: Probation) -> None:
        self.changes = [one for one in self.changes if one.adapter != row.adapter] + [row]


def _warning(alarms: Sequence[Finding], unjudged: Unjudged | None) -> tuple[str, Finding] | None:
    """What people are told of and nothing is done about: thumbs, and what shows in several versions only, for nobody
    can say which of them it came with."""
    if alarms and alarms[-1].sign is Sign.THUMBS:
        return "thumbs down since the promotion", alarms[-1]
    together_only = [] if unjudged is None else [one for one in unjudged.findings if one.alarm]
    if unjudged is None or not together_only:
        return None
    return f"answers of the last {unjudged.versions} versions", together_only[0]
