"""What the week's tasks find: each function takes what another flow gave, and says what it means and what is left.

The protocols name what is read of those values; flows do not import each other.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from web4_agent.domain.maintenance import Outcome, Todo
from web4_agent.domain.runs import RunState

STALE_AFTER = timedelta(days=7)
"""A backup older than a week is made anew: nights make one each, so there was no night."""
IN_A_ROW = 3
MOST_NAMED = 5


class Finding(Protocol):
    @property
    def check(self) -> str: ...
    @property
    def healthy(self) -> bool: ...
    @property
    def detail(self) -> str: ...
    @property
    def hint(self) -> str: ...


class Night(Protocol):
    @property
    def run(self) -> str: ...
    @property
    def state(self) -> RunState: ...


class Job(Protocol):
    @property
    def job(self) -> StrEnum: ...
    @property
    def missed(self) -> int: ...


class Week(Protocol):
    @property
    def queries(self) -> int: ...
    @property
    def error_rate(self) -> float: ...
    @property
    def p95_ms(self) -> float: ...
    @property
    def quality_score(self) -> float | None: ...


class Backup(Protocol):
    @property
    def path(self) -> Path: ...
    @property
    def trouble(self) -> str: ...


class Prunable(Protocol):
    @property
    def freed_bytes(self) -> int: ...


def doctor_check(findings: Sequence[Finding]) -> Outcome:
    wrong = [one for one in findings if not one.healthy]
    if not wrong:
        return Outcome(f"checks: {len(findings)}, all well")
    todo = tuple(Todo(f"{one.check}: {one.detail}", one.hint or "web4-agent doctor --fix") for one in wrong)
    return Outcome(f"checks: {len(findings)}, not well: {len(wrong)}", todo, amiss=True)


def nights_and_timetable(
    nights: Sequence[Night], buffered: int, jobs: Sequence[Job], looked_utc: datetime | None
) -> Outcome:
    """`nights` of the last seven days, newest first; `buffered` documents wait to be trained."""
    todo = []
    if unfinished := [one.run for one in nights if one.state is RunState.OPEN]:
        todo.append(Todo(f"{unfinished[0]} was cut off or runs: let it go on", "web4-agent evening"))
    if failed := [one.run for one in nights if one.state is RunState.FAILED]:
        todo.append(Todo(f"nights that failed: {_named(failed)}", "web4-agent nights --days 7"))
    judged = [one for one in nights if one.state in {RunState.PROMOTED, RunState.REJECTED}][:IN_A_ROW]
    if len(judged) == IN_A_ROW and all(one.state is RunState.REJECTED for one in judged):
        todo.append(Todo(f"the last {IN_A_ROW} nights were rejected: read why", "web4-agent nights --limit 3"))
    if not nights and buffered:
        todo.append(Todo(f"no night for seven days, and {buffered} documents wait", "web4-agent evening"))
    if missed := [f"{one.job} {one.missed} times" for one in jobs if one.missed]:
        todo.append(Todo(f"the timetable missed in seven days: {', '.join(missed)}", "web4-agent schedule show"))
    if looked_utc is None:
        todo.append(Todo("nothing calls the timetable: nights run by hand alone", "web4-agent schedule install"))
    counts = ", ".join(
        f"{sum(one.state is state for one in nights)} {state}" for state in RunState if _any(nights, state)
    )
    return Outcome(
        f"nights in seven days: {len(nights)}{f' ({counts})' if counts else ''}", tuple(todo), amiss=bool(todo)
    )


def report_against_targets(week: Week, alarms: Sequence[tuple[str, str, str]]) -> Outcome:
    """`alarms`: (target, aimed at, measured) of the figures outside their alarm's limits, and not by chance."""
    if not week.queries:
        return Outcome("no query in seven days")
    score = "-" if week.quality_score is None else f"{week.quality_score:.2f}"
    found = (
        f"{week.queries:,} queries, {week.error_rate:.1%} errors, p95 {week.p95_ms:,.0f} ms, quality {score}; "
        f"targets missed: {len(alarms)}"
    )
    todo = tuple(Todo(f"{name}: {measured}, aimed at {aim}", _looked_into_by(name)) for name, aim, measured in alarms)
    return Outcome(found, todo, amiss=bool(todo))


def quarantine(waiting: Sequence[object]) -> Outcome:
    if not waiting:
        return Outcome("nothing waits")
    todo = Todo(f"documents that wait for your decision: {len(waiting)}", "web4-agent quarantine")
    return Outcome(f"documents that wait: {len(waiting)}", (todo,), amiss=True)


def backups(
    listed: Callable[[], Sequence[tuple[Backup, datetime | None]]],
    make: Callable[[], object],
    read_back: Callable[[str], object],
    now: datetime,
) -> Outcome:
    """`listed` gives backups oldest first, each with when it was made, None where that can't be read. Makes one where
    the newest is older than a week, and reads the newest back: `read_back` raises what is wrong with it."""
    found = listed()
    dates = [made for _, made in found if made is not None]
    made_one = not dates or now - dates[-1] > STALE_AFTER
    if made_one:
        make()
        found = listed()
    newest = [one for one, made in found if made is not None][-1]
    read_back(newest.path.name)
    broken = [one for one, made in found if made is None]
    todo = tuple(Todo(f"{one.path.name} can't be read: {one.trouble}", "web4-agent backup --list") for one in broken)
    how = "made now and read back whole" if made_one else "read back whole"
    return Outcome(f"backups: {len(found)}; the newest, {newest.path.name}, {how}", todo, amiss=bool(todo))


def disk_room(free_bytes: int, wanted_bytes: int, prunable: Prunable) -> Outcome:
    todo = []
    if free_bytes < wanted_bytes:
        told = f"{free_bytes / 1e9:.1f} GB are free, and {wanted_bytes / 1e9:.1f} GB are wanted"
        todo.append(Todo(f"{told}: free some space on the home's disk", "web4-agent backup --prune"))
    elif prunable.freed_bytes:
        told = f"{prunable.freed_bytes / 1e6:,.0f} MB of old adapters and backups are needed by nothing"
        todo.append(Todo(f"{told}: see what would go", "web4-agent backup --prune --dry-run"))
    return Outcome(f"{free_bytes / 1e9:.1f} GB free", tuple(todo), amiss=free_bytes < wanted_bytes)


def alerts(undelivered: int, channels: Sequence[str]) -> Outcome:
    """`undelivered`: those given up in the last two weeks, and those that wait after a failed attempt."""
    if not channels:
        todo = Todo("no channel is set: nobody is told of anything; set alerts.urls", "web4-agent alerts test")
        return Outcome("no channel is set", (todo,), amiss=True)
    if undelivered:
        told = f"deliveries that did not get through: {undelivered}"
        todo = Todo(f"{told}; see why, then: web4-agent alerts retry", "web4-agent alerts list")
        return Outcome(told, (todo,), amiss=True)
    return Outcome(f"every one reached its channels: {', '.join(channels)}")


def gate_audit(sentence: str, *, apart: bool) -> Outcome:
    """`sentence` is the audit's, or why there was none."""
    todo = Todo("the deciding items and the sealed ones disagree: write new deciding items", "web4-agent gate show")
    return Outcome(sentence, (todo,) if apart else (), amiss=apart)


def _any(nights: Sequence[Night], state: RunState) -> bool:
    return any(one.state is state for one in nights)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _looked_into_by(target: str) -> str:
    return (
        "web4-agent report --days 7" if target in {"errors", "average latency"} else "web4-agent distribution --days 7"
    )
