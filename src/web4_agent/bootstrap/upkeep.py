"""What maintenance is made of: each task is a flow or two, and the function that says what their answer means.

Called by the commands `weekly`, `monthly` and `quarterly`. Flows do not import each other; here they meet.
"""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from web4_agent.domain.ids import BASE
from web4_agent.domain.maintenance import Outcome, Upkeep

if TYPE_CHECKING:
    from web4_agent.bootstrap.alone import Alone
    from web4_agent.domain.backups import BackupManifest
    from web4_agent.flows.backing_up import Listed, RestorePlan
    from web4_agent.flows.maintenance import MaintenanceParts
    from web4_agent.flows.maintenance.quarterly import Lineage

WEEK_DAYS, MONTH_DAYS, QUARTER_DAYS = 7, 31, 92
MOST_NIGHTS = 100
FRESH_EVALUATION = timedelta(days=30)
"""One of the version that serves is not repeated within a month: bytes and items are the same."""
DRIFT_RULE = "drift from golden"


def maintenance_parts(runtime: "Alone") -> "MaintenanceParts":
    from web4_agent.flows.maintenance import MaintenanceParts

    tasks: dict[Upkeep, Callable[[Alone], Outcome]] = {
        Upkeep.DOCTOR: _doctor,
        Upkeep.NIGHTS: _nights,
        Upkeep.TARGETS: _targets,
        Upkeep.QUARANTINE: _quarantine,
        Upkeep.BACKUPS: _backups,
        Upkeep.DISK: _disk,
        Upkeep.ALERTS: _alerts,
        Upkeep.AUDIT: _audit,
        Upkeep.REHEARSAL: _rehearsal,
        Upkeep.RETRIEVAL: _retrieval,
        Upkeep.SATISFACTION: _satisfaction,
        Upkeep.TEXTS: _texts,
        Upkeep.TOOLS: _tools,
        Upkeep.KEYS: _keys,
        Upkeep.REBUILD: _rebuild,
        Upkeep.GOLDEN: _golden,
        Upkeep.EVALUATION: _evaluation,
        Upkeep.CALIBRATION: _calibration,
    }
    made = {name: partial(task, runtime) for name, task in tasks.items()}
    return MaintenanceParts(runtime.database, runtime.home, made, runtime.now, runtime.watcher)


def _doctor(runtime: "Alone") -> Outcome:
    from web4_agent.flows.doctor import examine
    from web4_agent.flows.maintenance.weekly import doctor_check

    return doctor_check(examine(runtime.doctor_parts(), fix=False))


def _nights(runtime: "Alone") -> Outcome:
    from web4_agent.domain.documents import DocumentState
    from web4_agent.flows.maintenance.weekly import nights_and_timetable
    from web4_agent.flows.reporting import nights
    from web4_agent.flows.standing import standing
    from web4_agent.flows.timetable import overview

    found = nights(runtime.reporting_parts(), days=WEEK_DAYS, limit=MOST_NIGHTS)
    buffered = standing(runtime.database).documents.get(DocumentState.BUFFERED, 0)
    timetable = overview(runtime.timetable_parts())
    return nights_and_timetable(found.nights, buffered, timetable.jobs, timetable.looked_utc)


def _targets(runtime: "Alone") -> Outcome:
    """People are told of an alarm by the outbox, too."""
    from web4_agent.flows.maintenance.weekly import report_against_targets
    from web4_agent.flows.reporting import TargetStatus, report
    from web4_agent.flows.reporting.drift import measured, tell_of_drift

    parts = runtime.reporting_parts()
    found = report(parts, WEEK_DAYS)
    tell_of_drift(parts)
    alarms = [
        (one.target.name, one.target.aim, measured(one)) for one in found.checks if one.status is TargetStatus.ALARM
    ]
    return report_against_targets(found.whole, alarms)


def _quarantine(runtime: "Alone") -> Outcome:
    from web4_agent.flows.maintenance.weekly import quarantine
    from web4_agent.flows.quarantine import waiting

    return quarantine(waiting(runtime.quarantine_parts()))


def _backups(runtime: "Alone") -> Outcome:
    from web4_agent.flows.backing_up import back_up, check_backup, list_backups
    from web4_agent.flows.maintenance.weekly import backups

    parts = runtime.backup_parts()

    def listed() -> "list[tuple[Listed, datetime | None]]":
        found = list_backups(runtime.home.backups)
        return [(one, one.manifest.made_utc if one.manifest else None) for one in found]

    return backups(listed, lambda: back_up(parts), lambda name: check_backup(parts, name), runtime.now())


def _disk(runtime: "Alone") -> Outcome:
    from web4_agent.flows.backing_up import prune
    from web4_agent.flows.maintenance.weekly import disk_room

    wanted = int(runtime.settings.alerts.disk_gb * 1e9)
    free = shutil.disk_usage(runtime.home.root).free
    return disk_room(free, wanted, prune(runtime.backup_parts(), dry_run=True))


def _alerts(runtime: "Alone") -> Outcome:
    """What is due is sent first: only what does not get through is a person's."""
    from web4_agent.flows.alerting import undelivered
    from web4_agent.flows.maintenance.weekly import alerts

    parts = runtime.alerting_parts()
    runtime.deliver_alerts()
    return alerts(undelivered(parts), parts.channels.names)


def _audit(runtime: "Alone") -> Outcome:
    from web4_agent.flows.auditing import audit, is_due
    from web4_agent.flows.maintenance.weekly import gate_audit
    from web4_agent.records import calibrations

    parts = runtime.audit_parts()
    if is_due(parts):
        found = audit(parts)
        return gate_audit(found.sentence, apart=found.apart)
    with runtime.database.read() as connection:
        last = calibrations.latest_audit(connection)
    if last is None:
        return gate_audit("not due: production is golden, so there is nothing to compare", apart=False)
    return gate_audit(f"not due, {last.at_utc:%Y-%m-%d} it was: {last.sentence}", apart=last.apart)


def _rehearsal(runtime: "Alone") -> Outcome:
    from web4_agent.flows.backing_up import back_up, restore
    from web4_agent.flows.maintenance.monthly import restore_rehearsal

    parts = runtime.backup_parts()

    def make() -> "BackupManifest":
        return back_up(parts).manifest

    def rehearse(name: str) -> "RestorePlan":
        return restore(parts, name, dry_run=True).plan

    return restore_rehearsal(make, rehearse)


def _retrieval(runtime: "Alone") -> Outcome:
    from dataclasses import replace

    from web4_agent.flows.collections import overview
    from web4_agent.flows.maintenance.monthly import retrieval_health
    from web4_agent.flows.reporting import report

    parts = runtime.reporting_parts()
    earlier = replace(parts, now=lambda: runtime.now() - timedelta(days=MONTH_DAYS))
    now, before = report(parts, MONTH_DAYS).whole, report(earlier, MONTH_DAYS).whole
    return retrieval_health(overview(runtime.collection_parts()), now, before)


def _satisfaction(runtime: "Alone") -> Outcome:
    from web4_agent.flows.maintenance.monthly import satisfaction_trend
    from web4_agent.flows.reporting import satisfaction

    found = satisfaction(runtime.reporting_parts(), MONTH_DAYS)
    if not found.now.whole:
        return satisfaction_trend(f"nobody gave a thumb in {MONTH_DAYS} days", found.trend)
    said = f"{found.now.value:.0%} of {found.now.whole:,} thumbs are up in {MONTH_DAYS} days: {found.trend}"
    return satisfaction_trend(said, found.trend)


def _texts(runtime: "Alone") -> Outcome:
    from web4_agent.flows.maintenance.monthly import text_retention

    return text_retention(runtime.database, runtime.now(), runtime.settings.log.text_days)


def _tools(runtime: "Alone") -> Outcome:
    from web4_agent.flows.maintenance.monthly import tool_packs
    from web4_agent.flows.tooling import ensure_tools

    return tool_packs(ensure_tools(runtime.tool_parts()))


def _keys(runtime: "Alone") -> Outcome:
    from web4_agent.flows.maintenance.quarterly import key_review
    from web4_agent.records import api_keys

    with runtime.database.read() as connection:
        return key_review(api_keys.listed(connection), runtime.now())


def _rebuild(runtime: "Alone") -> Outcome:
    from web4_agent.flows.maintenance.quarterly import rebuild_from_base

    return rebuild_from_base(_lineage(runtime))


def _golden(runtime: "Alone") -> Outcome:
    from web4_agent.flows.maintenance.quarterly import golden_review
    from web4_agent.records import calibrations

    with runtime.database.read() as connection:
        last = calibrations.latest_audit(connection)
    return golden_review(_lineage(runtime), last.sentence if last else "No audit was made yet.")


def _evaluation(runtime: "Alone") -> Outcome:
    from web4_agent.flows.evaluation import evaluate
    from web4_agent.flows.maintenance.quarterly import full_evaluation
    from web4_agent.records import adapters, evaluations
    from web4_agent.steps.harnesses import judge

    with runtime.database.read() as connection:
        version = adapters.read_pointer(connection).production
        last = evaluations.latest_complete(connection, version)
        accepted = evaluations.accepted(connection, last.id) if last else ()
    if last is not None and runtime.now() - last.at_utc < FRESH_EVALUATION:
        outcomes = judge(last.gated, accepted)
        passed = sum(one.passed for one in outcomes)
        said = f"not due: on {last.at_utc:%Y-%m-%d} {last.version} passed {passed} of {len(outcomes)} gates"
        return full_evaluation(said, last.gated, outcomes, "")
    report = evaluate(runtime.evaluation_parts())
    return full_evaluation(report.sentence, report.evaluation.gated, report.outcomes, f"Answers: {report.html}")


def _calibration(runtime: "Alone") -> Outcome:
    from web4_agent.flows.calibrating import CalibrationRequest, calibrate, standing
    from web4_agent.flows.maintenance.quarterly import gate_calibration

    parts = runtime.calibration_parts()
    last = standing(parts).calibration
    if last is not None and runtime.now() - last.at_utc < timedelta(days=QUARTER_DAYS):
        return gate_calibration(f"not due: {last.sentence}", last.advice)
    found = calibrate(parts, CalibrationRequest())
    return gate_calibration(found.sentence, found.advice)


def _lineage(runtime: "Alone") -> "Lineage":
    from web4_agent.flows.maintenance.quarterly import Lineage
    from web4_agent.records import adapters, verdicts

    with runtime.database.read() as connection:
        pointer = adapters.read_pointer(connection)
        chain = adapters.lineage(connection, pointer.production)
        golden, verdict = adapters.get(connection, pointer.golden), verdicts.of_adapter(connection, pointer.production)
    rule = next((one for one in verdict.rules if one.rule == DRIFT_RULE), None) if verdict else None
    return Lineage(
        pointer.production,
        pointer.golden,
        golden.created_utc if golden else pointer.changed_utc,
        sum(one.version != BASE for one in chain),
        rule.measured if rule else None,
        rule.limit if rule else None,
    )
