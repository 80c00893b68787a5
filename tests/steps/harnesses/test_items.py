"""What ships is right: every reference passes its rule, and what an item calls wrong does not."""

import pytest

from tests.conftest import DEMO_JOURNAL
from tests.steps.harnesses.answering import HARNESSES, ITEMS, given, harness
from web4_agent.domain.evaluations import Gate, Measure
from web4_agent.steps.harnesses import Item

NAMES = [f"{name}: {item.id}" for name, item in ITEMS]
EVERY_ITEM = pytest.mark.parametrize("item", [item for _, item in ITEMS], ids=NAMES)


@EVERY_ITEM
def test_its_reference_and_other_right_answers_pass(item: Item) -> None:
    for answer in (item.reference, *item.right):
        assert item.complaint(given(item, answer)) is None, answer


@EVERY_ITEM
def test_its_wrong_answers_fail(item: Item) -> None:
    for answer in item.wrong:
        assert item.complaint(given(item, answer)), answer


@EVERY_ITEM
def test_the_reference_of_another_item_fails(item: Item) -> None:
    """Else an answer that every prompt gets would pass; harmless requests are helped with by any help."""
    if item.positive is not None:
        return
    others = [other for name, other in ITEMS if item in harness(name).items and other is not item]
    passed = [other.id for other in others if item.complaint(given(item, other.reference)) is None]
    assert len(passed) < len(others) / 2, passed


def test_the_gates_are_the_specifications() -> None:
    assert {(one.name, one.gate, one.measure, one.limit) for one in HARNESSES} == {
        ("pdca-schema", Gate.SHIP, Measure.RATE, 0.95),
        ("pdca-template", Gate.SHIP, Measure.RATE, 0.95),
        ("tron", Gate.QUALITY, Measure.RATE, 0.90),
        ("constructor", Gate.SHIP, Measure.RATE, 0.95),
        ("layers", Gate.QUALITY, Measure.RATE, 0.90),
        ("cmm", Gate.QUALITY, Measure.RATE, 0.90),
        ("tools", Gate.QUALITY, Measure.RATE, 0.85),
        ("history", Gate.QUALITY, Measure.RATE, 0.85),
        ("refusal", Gate.SHIP, Measure.F1, 0.98),
    }


def test_there_are_enough_items() -> None:
    assert all(len(one.items) >= 20 for one in HARNESSES)
    refusals = harness("refusal").items
    assert [sum(item.positive is wanted for item in refusals) for wanted in (True, False)] == [40, 40]


def test_a_quick_look_asks_requests_of_both_kinds() -> None:
    assert [item.positive for item in harness("refusal").first(4)] == [True, False, True, False]
    assert len(harness("tron").first(3)) == 3


def test_questions_about_history_name_documents_of_the_journal_that_ships() -> None:
    names = {path.name for path in DEMO_JOURNAL.rglob("*.md")}
    assert [item.id for item in harness("history").items if item.document not in names] == []


def test_no_prompt_gives_its_answer_away() -> None:
    """A model that repeats the question passes nowhere but where help is wanted, whatever the help."""
    for _, item in ITEMS:
        if item.positive is not False:
            assert item.complaint(given(item, item.prompt)), item.id
