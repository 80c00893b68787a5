"""The audit: production and golden on the sealed items and on the deciding ones, compared and kept.

Called by `web4-agent gate audit`, and after a night when the lineage's last audit is a week old. A set that decides is
pressed upon night after night and is no longer an estimate; the sealed set decides nothing, so it still is one.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from web4_agent.backends.engines.base import EngineLauncher
from web4_agent.backends.trainers.base import Trainer
from web4_agent.domain import tidings
from web4_agent.domain.adapters import Adapter
from web4_agent.domain.calibration import Audit, Estimate
from web4_agent.domain.errors import ModelError, Web4Error
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.domain.progress import Unwatched, Watcher
from web4_agent.domain.verdicts import Margin, MarginItem
from web4_agent.records import adapters, alerts, calibrations
from web4_agent.steps.judging.margins import margin_requests, margins_from_scores
from web4_agent.steps.judging.sealed import estimate
from web4_agent.steps.promote import served
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.atomic import publish_text
from web4_agent.storage.database import Database
from web4_agent.storage.payload import read_json, to_json

log = logging.getLogger(__name__)
EVERY = timedelta(days=7)
STEP = "audit"


@dataclass(frozen=True, slots=True)
class AuditParts:
    """`sealed` are the audit's own items, `deciding` those of the gate."""

    database: Database
    home: Home
    artefact: str
    base: Path
    trainer: Trainer
    launcher: EngineLauncher
    sealed: tuple[MarginItem, ...]
    deciding: tuple[MarginItem, ...]
    now: Callable[[], datetime]
    watcher: Watcher = field(default_factory=Unwatched)
    reached: Callable[[str], None] = lambda point: None


@dataclass(frozen=True, slots=True)
class _Kept:
    margins: tuple[Margin, ...]


def audit(parts: AuditParts) -> Audit:
    """Score production and golden on both sets now, and keep what came of it; sets that are apart are told of.

    Where production is golden there is nothing to estimate: no engine starts, and both changes are exactly none.
    """
    with parts.database.begin() as connection:
        pointer = adapters.read_pointer(connection)
    if pointer.production == pointer.golden:
        sealed, deciding = Estimate(len(parts.sealed), 0.0, 0.0), Estimate(len(parts.deciding), 0.0, 0.0)
    else:
        now, then = _margins(parts, pointer.production), _golden(parts, pointer.golden)
        at = len(parts.sealed)
        sealed, deciding = estimate(now[:at], then[:at]), estimate(now[at:], then[at:])
    found = Audit(
        parts.now(),
        pointer.production,
        pointer.golden,
        parts.launcher.name,
        _hash(parts),
        sealed,
        deciding,
    )
    parts.reached("audit.committing")
    with parts.database.begin() as connection:
        calibrations.put_audit(connection, found)
        if found.apart:
            alerts.put(connection, tidings.items_worn(found.production, found.gap_errors, found.at_utc))
    parts.reached("audit.committed")
    log.info("gate.audited production=%s gap_errors=%.2f", found.production, found.gap_errors)
    return found


def audit_when_due(make: Callable[[], AuditParts]) -> Audit | None:
    """The audit, when nothing of this lineage was audited for a week; None when it is not due or could not be done.

    It never raises an error of the product: what a night has done stands, and the next night tries again.
    """
    try:
        parts = make()
        return audit(parts) if is_due(parts) else None
    except Web4Error as error:
        log.warning("gate.audit_failed reason=%s", error.message)
        return None


def is_due(parts: AuditParts) -> bool:
    """Whether there is anything to audit, and nothing of this lineage was audited for a week."""
    with parts.database.read() as connection:
        pointer = adapters.read_pointer(connection)
        versions = [adapter.version for adapter in adapters.lineage(connection, pointer.production)]
        recent = calibrations.audited(connection, versions, parts.now() - EVERY)
    return not recent and pointer.production != pointer.golden


def _golden(parts: AuditParts, version: AdapterVersion) -> tuple[Margin, ...]:
    """Golden never changes: equal bytes, items and engine give equal margins, kept beside the runs."""
    adapter = _adapter(parts, version)
    key = hash_text(f"{adapter.artefact_hash} {parts.launcher.name} {_hash(parts)}")
    kept = parts.home.runs / f"audit-golden-{key[:16]}.json"
    if not kept.is_file():
        publish_text(to_json(_Kept(_margins(parts, version))), kept)
    return read_json(_Kept, kept, f"remove {kept}, then web4-agent gate audit").margins


def _margins(parts: AuditParts, version: AdapterVersion) -> tuple[Margin, ...]:
    """The sealed items first."""
    items = (*parts.sealed, *parts.deciding)
    requests = margin_requests(items)
    started = time.monotonic()

    def tell(done: int) -> None:
        left = (time.monotonic() - started) / done * (len(requests) - done) if done else None
        parts.watcher.advanced(STEP, done, len(requests), left, str(version))

    engine = parts.launcher.start(served(_adapter(parts, version), parts.home, parts.artefact))
    try:
        if engine.abilities.can_score:
            scores = engine.score(requests, tell)
        else:
            scores = parts.trainer.score(parts.base, None if version == BASE else parts.home.adapter(version), requests)
    finally:
        engine.close()
    return margins_from_scores(items, scores)


def _adapter(parts: AuditParts, version: AdapterVersion) -> Adapter:
    with parts.database.begin() as connection:
        adapter = adapters.get(connection, version)
    if adapter is None:
        raise ModelError(f"the ledger does not know the adapter {version}", "web4-agent adapters")
    return adapter


def _hash(parts: AuditParts) -> ContentHash:
    return hash_text(to_json([to_json(item) for item in (*parts.sealed, *parts.deciding)]))
