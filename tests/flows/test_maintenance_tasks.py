"""What the findings of each maintenance task mean: well, or a person's, and with which command."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.interactions import NOON, asked
from web4_agent.cli.status import overdue
from web4_agent.domain.evaluations import Gate, GateOutcome, HarnessScore, Measure
from web4_agent.domain.jobs import JobName
from web4_agent.domain.maintenance import Due, Outcome, Rhythm, TaskState, Upkeep
from web4_agent.domain.runs import RunState
from web4_agent.flows.maintenance.monthly import retrieval_health, satisfaction_trend, text_retention, tool_packs
from web4_agent.flows.maintenance.quarterly import (
    Lineage,
    full_evaluation,
    gate_calibration,
    golden_review,
    key_review,
    rebuild_from_base,
)
from web4_agent.flows.maintenance.weekly import (
    alerts,
    backups,
    disk_room,
    doctor_check,
    gate_audit,
    nights_and_timetable,
    quarantine,
    report_against_targets,
)
from web4_agent.records import interactions
from web4_agent.records.api_keys import ApiKeyRow
from web4_agent.storage.database import Database

WELL, NEEDS = TaskState.WELL, TaskState.ATTENTION
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Thing:
    """Whatever a flow gives that has these."""

    check: str = ""
    healthy: bool = True
    detail: str = ""
    hint: str = ""
    run: str = "night-1"
    state: RunState = RunState.PROMOTED
    job: JobName = JobName.EVENING
    missed: int = 0
    queries: int = 100
    error_rate: float = 0.01
    p95_ms: float = 2_000.0
    quality_score: float | None = 0.9
    freed_bytes: int = 0
    path: Path = Path("b-1")
    trouble: str = ""
    name: str = "b-1"
    missing: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    comes: tuple[str, ...] = ()
    differs: str = ""
    retrievals: int = 100
    retrieval_hit_rate: float | None = 0.8
    hot_hit_rate: float | None = None
    ecosystem: str = "continue"
    examples: int = 24
    chunks: int = 0
    broken: tuple[()] = ()


FINE = Thing()
REJECTED = Thing(state=RunState.REJECTED)


def commands(outcome: Outcome) -> list[str]:
    return [one.command for one in outcome.todo]


def test_the_doctors_own_hint_is_the_command() -> None:
    wrong = [Thing("models", healthy=False, detail="gone", hint="web4-agent init"), Thing("serving", healthy=False)]
    assert commands(doctor_check([FINE, *wrong])) == ["web4-agent init", "web4-agent doctor --fix"]
    assert doctor_check([FINE]).state is WELL


@pytest.mark.parametrize(
    ("nights", "buffered", "missed", "said"),
    [
        ([FINE, REJECTED, REJECTED], 3, 0, []),
        ([REJECTED, REJECTED, REJECTED], 0, 0, ["web4-agent nights --limit 3"]),
        ([Thing(state=RunState.OPEN), FINE], 0, 0, ["web4-agent evening"]),
        ([Thing(state=RunState.FAILED)], 0, 0, ["web4-agent nights --days 7"]),
        ([], 4, 2, ["web4-agent evening", "web4-agent schedule show"]),
        ([], 0, 0, []),
    ],
)
def test_nights_that_need_a_person_are_named(nights: list[Thing], buffered: int, missed: int, said: list[str]) -> None:
    assert commands(nights_and_timetable(nights, buffered, [Thing(missed=missed)], NOON)) == said


def test_a_timetable_that_nobody_calls_is_told() -> None:
    assert commands(nights_and_timetable([FINE], 0, [], None)) == ["web4-agent schedule install"]


def test_a_missed_target_names_the_report_that_explains_it() -> None:
    alarms = [("errors", "under 5 %", "9.0%"), ("uses tools", "about 30 %", "60.0%")]
    found = report_against_targets(FINE, alarms)
    assert commands(found) == ["web4-agent report --days 7", "web4-agent distribution --days 7"]
    assert "quality 0.90" in found.found
    assert report_against_targets(Thing(queries=0), []).state is WELL


@pytest.mark.parametrize(("days", "makes"), [(6, False), (8, True)])
def test_a_backup_older_than_a_week_is_made_anew_and_the_newest_is_read_back(days: int, makes: bool) -> None:
    there = [(FINE, NOON - days * DAY)]
    read: list[str] = []
    found = backups(lambda: there, lambda: there.append((Thing(path=Path("b-2")), NOON)), read.append, NOON)
    assert len(there) == 1 + makes
    assert read == [there[-1][0].path.name]
    assert found.state is WELL


def test_a_backup_that_cant_be_read_is_told_and_the_first_is_made() -> None:
    there: list[tuple[Thing, datetime | None]] = [(Thing(trouble="no manifest"), None)]
    found = backups(lambda: there, lambda: there.append((Thing(path=Path("b-2")), NOON)), lambda name: None, NOON)
    assert commands(found) == ["web4-agent backup --list"]


@pytest.mark.parametrize(
    ("free", "prunable", "said", "state"),
    [
        (1e9, 5_000_000, "web4-agent backup --prune", NEEDS),
        (9e9, 5_000_000, "web4-agent backup --prune --dry-run", WELL),
        (9e9, 0, "", WELL),
    ],
)
def test_room_on_the_disk(free: float, prunable: int, said: str, state: TaskState) -> None:
    found = disk_room(int(free), int(2e9), Thing(freed_bytes=prunable))
    assert (commands(found), found.state) == ([said] if said else [], state)


def test_what_waits_for_a_person_or_did_not_reach_one() -> None:
    assert commands(quarantine([1, 2])) == ["web4-agent quarantine"]
    assert quarantine([]).state is WELL
    assert commands(alerts(3, ["ops"])) == ["web4-agent alerts list"]
    assert commands(alerts(0, [])) == ["web4-agent alerts test"]
    assert alerts(0, ["ops"]).state is WELL
    assert commands(gate_audit("3.1 standard errors apart", apart=True)) == ["web4-agent gate show"]
    assert gate_audit("0.1 standard errors apart", apart=False).state is WELL


def test_retrieval_is_tuned_where_there_were_questions_and_looked_into_where_it_fell() -> None:
    tune, fell = "web4-agent tune", "web4-agent report --days 62"
    assert commands(retrieval_health([FINE], FINE, FINE)) == [tune]
    assert retrieval_health([FINE], FINE, FINE).state is WELL
    assert commands(retrieval_health([FINE], Thing(retrieval_hit_rate=0.5), FINE)) == [fell, tune]
    assert commands(retrieval_health([FINE], Thing(retrievals=9, retrieval_hit_rate=0.1), FINE)) == []
    none = Thing(retrievals=0, retrieval_hit_rate=None)
    assert commands(retrieval_health([Thing(differs="3 documents missing")], none, none)) == ["web4-agent doctor --fix"]


def test_satisfaction_is_a_persons_when_it_fell() -> None:
    assert commands(satisfaction_trend("70 % of 90", "fell")) == ["web4-agent satisfaction --days 31"]
    assert satisfaction_trend("70 % of 90", "no clear change").state is WELL


def test_texts_older_than_the_settings_say_are_deleted(database: Database) -> None:
    with database.begin() as connection:
        interactions.add(connection, [asked(1, at_utc=NOON - 31 * DAY), asked(2, at_utc=NOON - 29 * DAY)])
    assert text_retention(database, NOON, 30).found == "texts older than 30 days, now deleted: 1"
    assert text_retention(database, NOON, 30).found == "no text is older than 30 days"
    with database.read() as connection:
        assert [row.query for row in interactions.page(connection, NOON - 40 * DAY, NOON)] == ["", "question 2"]


def test_tool_packs_say_what_was_stale() -> None:
    assert tool_packs(Thing(chunks=3)).found.endswith("3 were stale and are embedded anew")
    assert tool_packs(FINE).found.endswith("none was stale")


def test_keys_older_than_a_year_are_to_be_replaced() -> None:
    keys = [
        ApiKeyRow("old", "", NOON - 400 * DAY),
        ApiKeyRow("gone", "", NOON - 900 * DAY, NOON),
        ApiKeyRow("new", "", NOON),
    ]
    found = key_review(keys, NOON)
    assert commands(found) == ["web4-agent keys revoke NAME", "web4-agent keys list"]
    assert "gone" not in found.todo[0].what
    assert key_review([keys[2]], NOON).state is WELL
    assert key_review([], NOON).todo == ()


@pytest.mark.parametrize(
    ("nights", "drift", "state"), [(5, 0.01, WELL), (60, 0.01, NEEDS), (5, 0.06, NEEDS), (5, None, WELL)]
)
def test_a_rebuild_is_suggested_for_a_long_or_a_drifted_lineage(
    nights: int, drift: float | None, state: TaskState
) -> None:
    found = rebuild_from_base(Lineage("a-1", "base", NOON, nights, drift, 0.1 if drift else None))
    assert found.state is state
    assert commands(found) == (["web4-agent rollback base --retrain", "web4-agent evening"] if state is NEEDS else [])


def test_golden_is_always_a_persons() -> None:
    found = golden_review(Lineage("a-1", "base", datetime(2026, 1, 2, tzinfo=UTC), 5), "No audit was made yet.")
    assert found.state is WELL
    assert commands(found) == ["web4-agent gate show", 'web4-agent gate golden VERSION --why "…"']
    assert "base since 2026-01-02" in found.found


def test_ship_gates_are_one_thing_to_do_and_quality_gates_one_each() -> None:
    ship = HarnessScore("refusal", "", Gate.SHIP, Measure.F1, 0.98, 1, 10, 5, 0.5, 0.2, 0.8)
    quality = replace(ship, harness="tron", gate=Gate.QUALITY)
    outcomes = [GateOutcome(one.harness, passed=False, sentence="too low") for one in (ship, quality)]
    found = full_evaluation("2 of 2 gates failed", [ship, quality], outcomes, "")
    assert commands(found) == ["web4-agent adapters", 'web4-agent evaluate --accept tron "why"']
    fine = [GateOutcome("refusal", passed=True, sentence="0.99")]
    assert full_evaluation("All 1 gates passed.", [ship], fine, "").state is WELL
    assert commands(gate_calibration("calibrated", ["code: s is 0.4"])) == ["web4-agent gate show"]


def test_status_names_what_is_overdue_and_what_was_always_left_out() -> None:
    dues = [
        Due(Rhythm.WEEKLY, NOON - 20 * DAY, NOON - 13 * DAY, (Upkeep.AUDIT,)),
        Due(Rhythm.MONTHLY, NOON - DAY, NOON + 30 * DAY, (Upkeep.TEXTS, Upkeep.TOOLS)),
        Due(Rhythm.QUARTERLY, None, NOON - DAY, ()),
    ]
    assert overdue(dues, NOON) == [
        "overdue: weekly maintenance, last done 2026-02-12: web4-agent weekly",
        "left out too long: text retention, tool packs: web4-agent monthly",
    ]
    assert overdue(dues[2:], NOON + 2 * DAY) == ["overdue: quarterly maintenance, never done yet: web4-agent quarterly"]
