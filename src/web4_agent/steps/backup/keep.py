"""What must stay and what may go: adapter folders, backups, rejected candidates. Pure decisions, no file is touched.

Called when a backup chooses its adapters and when old things are removed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from web4_agent.domain.adapters import Adapter, AdapterState, Pointer
from web4_agent.domain.backups import BackupReason
from web4_agent.domain.ids import BASE, AdapterVersion, RunId
from web4_agent.domain.runs import Run, RunState


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """`adapters`: the last promoted ones, and as many steps back from production; `backups`: newest of each reason."""

    adapters: int = 5
    backups: int = 5
    candidate_days: int = 14


@dataclass(frozen=True, slots=True)
class BackupAge:
    name: str
    reason: BackupReason
    made_utc: datetime


@dataclass(frozen=True, slots=True)
class Removal:
    """`adapters` are to be recorded as removed and their folders to go; `kept` says of the others why they stay."""

    adapters: tuple[AdapterVersion, ...]
    kept: dict[AdapterVersion, str]
    backups: tuple[str, ...]


def needed(
    adapters: Sequence[Adapter], pointer: Pointer, last: int, on_probation: Collection[AdapterVersion] = ()
) -> dict[AdapterVersion, str]:
    """Versions that a pointer or a rollback needs, each with the first reason for it; the base is not among them.

    An adapter stands on its own, so an ancestor is needed only as a target of rollback: the `last` promoted ones before
    production, and the one before golden and before what served last.
    """
    known = {one.version: one for one in adapters}
    promoted = [one for one in adapters if one.state is AdapterState.PROMOTED]
    newest = sorted(promoted, key=lambda one: (one.created_utc, one.version), reverse=True)
    reasons: dict[AdapterVersion, str] = {}
    claims: list[tuple[AdapterVersion | None, str]] = [
        (pointer.production, "it serves"),
        (pointer.golden, "it is golden"),
        (pointer.previous, "it served before"),
    ]
    claims += [(version, "it is on probation") for version in sorted(on_probation)]
    claims += [(version, "a rollback may need it") for version in _before(known, pointer.production, last)]
    for start in (pointer.golden, pointer.previous, *sorted(on_probation)):
        claims += [(version, "a rollback may need it") for version in _before(known, start, 1)]
    own = [one.version for one in newest if one.version != BASE]
    claims += [(version, f"it is one of the last {last} promoted") for version in own[:last]]
    for version, reason in claims:
        if version is not None and version != BASE and version in known:
            reasons.setdefault(version, reason)
    return reasons


def may_go(
    adapters: Sequence[Adapter], kept: Mapping[AdapterVersion, str], backups: Sequence[BackupAge], policy: KeepPolicy
) -> Removal:
    """Promoted adapters that nothing in `kept` holds, and backups older than the newest of their reason."""
    gone = tuple(
        one.version
        for one in adapters
        if one.state is AdapterState.PROMOTED and one.version != BASE and one.version not in kept
    )
    return Removal(gone, dict(kept), surplus_backups(backups, policy.backups))


def surplus_backups(backups: Sequence[BackupAge], keep: int) -> tuple[str, ...]:
    """Names of all but the newest `keep` of each reason, oldest first."""
    surplus: list[BackupAge] = []
    for reason in BackupReason:
        own = sorted((one for one in backups if one.reason is reason), key=lambda one: (one.made_utc, one.name))
        surplus += own[: -max(1, keep)]
    return tuple(one.name for one in sorted(surplus, key=lambda one: (one.made_utc, one.name)))


def old_candidates(runs: Sequence[Run], now: datetime, days: int) -> tuple[RunId, ...]:
    """Rejected runs that ended more than `days` ago: nobody looks into their candidates any more."""
    before = now - timedelta(days=days)
    return tuple(
        run.id
        for run in runs
        if run.state is RunState.REJECTED and run.ended_utc is not None and run.ended_utc < before
    )


def _before(known: Mapping[AdapterVersion, Adapter], start: AdapterVersion | None, count: int) -> list[AdapterVersion]:
    """The nearest `count` promoted ancestors of `start`, nearest first."""
    found: list[AdapterVersion] = []
    seen = {start}
    current = known[start].parent if start is not None and start in known else None
    while current is not None and current in known and current not in seen and len(found) < count:
        seen.add(current)
        if known[current].state is AdapterState.PROMOTED:
            found.append(current)
        current = known[current].parent
    return found
