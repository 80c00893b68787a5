"""What is wrong with a run of mixed traffic: outcomes held against what was asked, and against the query log.

Called by the soak test and by `benchmarks/soak_gateway.py` when a run is over and the log is written.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tests.gateway.traffic import Ending, Kind, Outcome, Run
from web4_agent.domain.queries import Interaction, Status
from web4_agent.records import interactions, query_hours
from web4_agent.storage.database import Database

AFTER_KILL_S = 20.0
"""So long after a kill an error that says when to come again is what a client may expect."""
_WORD = re.compile(r"\bw\d+x\d{6}\b")
_ALL_TIME = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

Problems = dict[str, list[str]]
"""Lines under each heading; a run is well when there are none."""


def problems(run: Run, database: Database) -> Problems:
    rows = logged(database, run.began_utc, {outcome.asked.word for outcome in run.outcomes})
    found: Problems = {
        "hung requests": [_line(one) for one in run.outcomes if one.ending is Ending.HUNG],
        "wrong adapter": [line for one in run.outcomes if (line := _wrong_adapter(one, rows, run.versions))],
        "not in the log exactly once": [line for one in run.outcomes if (line := _miscounted(one, rows))],
        "logged as something else": [line for one in run.outcomes if (line := _mislabelled(one, rows))],
        "unexpected": [_line(one) for one in run.outcomes if not _expected(one, run.kills)],
        "the roll-up differs": _rolled_up(database),
    }
    return found


def logged(database: Database, since: datetime, words: set[str]) -> Mapping[str, Sequence[Interaction]]:
    """The log's rows by the word of their question; a home that is kept may hold an older run of the same seed."""
    rows = defaultdict(list)
    with database.read() as connection:
        for row in interactions.between(connection, since, _ALL_TIME[1]):
            for word in set(_WORD.findall(row.query)) & words:
                rows[word].append(row)
    return rows


def _wrong_adapter(one: Outcome, rows: Mapping[str, Sequence[Interaction]], versions: Sequence[str]) -> str:
    if not one.asked.logged or one.status != 200:
        return ""
    names = {one.adapter, *(str(row.adapter) for row in rows.get(one.asked.word, ()))}
    if one.said or (one.ending is Ending.WHOLE and one.asked.kind is not Kind.CALL):
        names.add(one.said)
    return "" if len(names) == 1 and names <= set(versions) else f"{sorted(names)}: {_line(one)}"


def _miscounted(one: Outcome, rows: Mapping[str, Sequence[Interaction]]) -> str:
    found = rows.get(one.asked.word, ())
    if not one.asked.logged:
        return f"{len(found)} rows: {_line(one)}" if found else ""
    fits = len(found) <= 1 if one.ending is Ending.LEFT and not one.response else len(found) == 1
    if fits and one.response:
        fits = found[0].response == one.response
    return "" if fits else f"{len(found)} rows {[row.response for row in found]}: {_line(one)}"


def _mislabelled(one: Outcome, rows: Mapping[str, Sequence[Interaction]]) -> str:
    may_be = {
        Ending.WHOLE: {Status.OK},
        Ending.REFUSED: {Status.ERROR},
        Ending.BROKEN: {Status.ERROR},
        Ending.LEFT: set(Status),
    }.get(one.ending, {Status.ERROR})
    wrong = {row.status for row in rows.get(one.asked.word, ())} - may_be
    return f"{sorted(wrong)}: {_line(one)}" if wrong else ""


def _expected(one: Outcome, kills: Sequence[float]) -> bool:
    near = any(one.started - AFTER_KILL_S < at < one.ended for at in kills)
    match one.ending:
        case Ending.WHOLE:
            return one.asked.expects == 200
        case Ending.REFUSED:
            if one.status == one.asked.expects:
                return True
            return near and one.asked.logged and one.status in {502, 503} and one.retry_after
        case Ending.BROKEN:
            return near and "stopped while it answered" in one.detail
        case Ending.LEFT | Ending.HUNG:
            return True
    return False


def _rolled_up(database: Database) -> list[str]:
    """The hours' sums are kept beside the rows and must be theirs."""
    with database.read() as connection:
        rows = Counter(row.status for row in interactions.between(connection, *_ALL_TIME))
        sums = query_hours.together(query_hours.totals(connection, *_ALL_TIME).values())
    kept = (rows.total(), rows[Status.ERROR], rows[Status.CANCELLED])
    summed = (sums.queries, sums.errors, sums.cancelled)
    return [] if kept == summed else [f"{kept} rows, errors, cancelled; the roll-up has {summed}"]


def _line(one: Outcome) -> str:
    asked = one.asked
    what = f"{asked.word} {asked.kind} {asked.path} {one.ending} {one.status}"
    return f"{what} {one.adapter} {one.seconds:.2f} s {one.detail}"
