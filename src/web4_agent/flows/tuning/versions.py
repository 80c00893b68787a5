"""The versions of the retrieval policy: which is in force, applying one, taking one back.

Called by `web4-agent tune`, its `show` and its `revert`. Gateways follow within a quarter of a second.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from web4_agent.domain.errors import BusyError, UsageError
from web4_agent.domain.retrieval import PolicyVersion, RetrievalPolicy
from web4_agent.flows.tuning.parts import TuningReport
from web4_agent.records import policies
from web4_agent.storage.database import Database

_log = logging.getLogger(__name__)
MOST_WHY_CHARS = 500


@dataclass(frozen=True, slots=True)
class VersionParts:
    """`settings` is the policy that holds where no version is in force."""

    database: Database
    settings: RetrievalPolicy
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Standing:
    """`number` is in force, 0 for the settings; `versions` newest first, those taken back among them."""

    number: int
    policy: RetrievalPolicy
    settings: RetrievalPolicy
    versions: tuple[PolicyVersion, ...]


@dataclass(frozen=True, slots=True)
class Reverted:
    taken_back: int
    in_force: int


def standing(parts: VersionParts) -> Standing:
    """Raises IntegrityError naming a version that this program can't read."""
    with parts.database.read() as connection:
        number, versions = policies.number_in_force(connection), policies.every(connection)
    policy = next((one.policy for one in versions if one.number == number), parts.settings)
    return Standing(number, policy, parts.settings, tuple(versions))


def ready_to_apply(parts: VersionParts) -> None:
    """Before minutes are spent: raises DatabaseError when the ledger can't be written."""
    with parts.database.begin() as connection:
        policies.check_writable(connection)


def apply(parts: VersionParts, report: TuningReport, why: str = "", *, force: bool = False) -> int:
    """Put what a tuning chose in force; returns the version's number.

    Raises UsageError where it is not recommended and not forced with a reason, or is in force already; BusyError when
    another version was put in force while this one was being tuned.
    """
    if report.after == report.before:
        raise UsageError("there is nothing to apply: what was chosen is in force", "web4-agent tune show")
    if not report.recommended and not (force and why.strip()):
        hint = "web4-agent tune --apply --force --why REASON"
        raise UsageError(f"not applied: {'; '.join(report.reasons)}", hint)
    told = " ".join(why.split())[:MOST_WHY_CHARS] or "tuned"
    with parts.database.begin() as connection:
        if (number := policies.number_in_force(connection)) != report.version:
            raise BusyError(
                f"not applied: version {number} was put in force while version {report.version} was held against",
                "web4-agent tune --apply",
            )
        number = policies.apply(connection, report.after, report.check, told, parts.now())
    _log.info("tuning.applied version=%d forced=%s", number, not report.recommended)
    return number


def revert(parts: VersionParts) -> Reverted:
    """Take the version in force back; the one before holds again. Raises UsageError where the settings hold."""
    with parts.database.begin() as connection:
        done = policies.revert(connection, parts.now())
    if done is None:
        raise UsageError("the settings hold: there is no version to take back", "web4-agent tune show")
    _log.info("tuning.reverted version=%d in_force=%d", *done)
    return Reverted(*done)
