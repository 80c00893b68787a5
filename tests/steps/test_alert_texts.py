"""The texts of alerts: every event has one, with all its facts, and each says what to type."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from web4_agent.cli.main import run
from web4_agent.domain import tidings
from web4_agent.domain.alerts import Alert, AlertEvent
from web4_agent.domain.errors import TrainingError
from web4_agent.steps.alert_texts import TEMPLATES, render, render_test

NOW = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
EXAMPLES = [
    tidings.night_failed("night-2026-03-02-1", TrainingError("the loss is not finite", "web4-agent evening"), NOW),
    tidings.night_rejected("night-2026-03-02-1", "a-1", "a-0", "smoke: 3 canaries failed", 7, NOW),
    tidings.three_rejections("night-2026-03-02-1", 3, "a-0", NOW),
    tidings.night_promoted("night-2026-03-02-1", "a-1", "a-0", 7, NOW),
    tidings.rolled_back("a-1", "a-0", 7, 0, NOW),
    tidings.rolled_back_by_probation("a-1", "a-0", "errors 9 %, usual 1 %", NOW),
    tidings.documents_quarantined(["2026-03-02/one_two.pdca.md"], ["0"], NOW),
    tidings.missed_run("the evening loop", NOW - timedelta(hours=9), "caught up at 06:10 UTC", NOW),
    tidings.drift("pure trained", "50-60 %", "31 %", 7, NOW),
    tidings.engine_dying("a-1", 5, 10, "out of memory", NOW),
    tidings.backup_failed("the ledger", TrainingError("no room"), NOW),
    tidings.disk_low(900_000_000, 4_000_000_000, NOW),
    tidings.index_rejected(["a.md", "b.md"], ["empty", "binary"], NOW),
    tidings.forgetting_done("forget-1", 2, "a-2", NOW),
    tidings.items_worn("a-1", 2.7, NOW),
]


def test_there_is_a_template_and_an_example_for_every_event() -> None:
    assert set(TEMPLATES) == {alert.event for alert in EXAMPLES} == set(AlertEvent)


@pytest.mark.parametrize("alert", EXAMPLES, ids=lambda alert: alert.event)
def test_each_text_says_what_happened_what_was_done_and_what_to_type(alert: Alert) -> None:
    found = render([alert], [12], BERLIN)
    assert found.subject.startswith("Web4 Agent: ")
    assert "\n" not in found.subject
    assert len(found.subject) < 150
    for text in (found.text, found.markdown):
        assert "What happened:" in text
        assert "What was done:" in text
        assert "What to type next:" in text
        assert "2026-03-02 23:30 Europe/Berlin, alert 12" in text
        assert "{" not in text
        assert "`-`" not in text
        assert " - " not in text.replace("\n- ", ""), "a fact is missing"
    missing = [fact for fact in alert.facts.values() if fact and fact not in found.text + found.subject]
    assert missing == []


@pytest.mark.parametrize("alert", EXAMPLES, ids=lambda alert: alert.event)
def test_each_command_to_type_exists(alert: Alert) -> None:
    for line in TEMPLATES[alert.event].next:
        program, command = line.split()[:2]
        assert program == "web4-agent"
        assert run([command, "--help"]) == 0


def test_facts_stand_in_code_marks_so_that_no_channel_reads_markup_in_them() -> None:
    found = render([EXAMPLES[6]], [1], BERLIN)
    assert "`2026-03-02/one_two.pdca.md`" in found.markdown
    assert "`" not in found.text


def test_the_hint_of_an_error_is_typed_first_and_once() -> None:
    found = render([EXAMPLES[0]], [1], BERLIN).text
    assert found.count("    web4-agent evening\n") == 1
    assert found.index("    web4-agent evening\n") < found.index("    web4-agent doctor")


def test_several_are_told_in_one_with_the_newest_in_full() -> None:
    first = tidings.documents_quarantined(["a.pdca.md"], ["1"], NOW)
    many = [tidings.documents_quarantined(["b", "c"], [str(at)], NOW + timedelta(minutes=at)) for at in range(1, 15)]
    found = render([first, *many], list(range(1, 16)), ZoneInfo("UTC"))
    assert found.subject.endswith("(15 times)")
    assert "Before that: 2026-03-02 22:34 UTC 2 documents are quarantined; " in found.text
    assert "and 4 times more" in found.text
    assert found.text.count("quarantined;") == 9


def test_a_fact_that_an_older_version_did_not_write_is_no_error() -> None:
    assert "died - times" in render([Alert(AlertEvent.ENGINE_DYING, "k", NOW)], [1], BERLIN).text


def test_a_test_names_its_channel() -> None:
    assert "the channel ops" in render_test("ops", NOW, BERLIN).text
