"""TRON blocks, full and short."""

from tests.steps.journal.pages import PAGE, parsed, sections_page
from web4_agent.domain.documents import Tron

FULL = """\
**Trigger:** the port was taken
twice
**Response:** moved it
**Outcome:**
- 7420 is free

**Next:** tell the lobby

Something else.
"""


def test_a_full_block_is_read_part_by_part_and_ends_after_its_next() -> None:
    (tron,) = parsed(sections_page(FULL)).trons
    assert tron == Tron("the port was taken\ntwice", "moved it", "- 7420 is free", "tell the lobby")
    assert tron.complete


def test_parts_may_be_headings_items_or_wear_the_word_tron() -> None:
    as_headings = "### Trigger\na\n### Response\nb\n### 📊 Outcome\nc\n### Next Steps\n- d\n- e\n\n### Other\nf"
    as_items = "- **TRON Trigger:** a\n- 🎯 **Response:** b\n- **Outcome**: c\n- Next: - d\n- e"
    for body in (as_headings, as_items):
        (tron,) = parsed(sections_page(body)).trons
        assert (tron.trigger, tron.response, tron.outcome) == ("a", "b", "c")
        assert tron.next == "- d\n- e"


def test_each_trigger_begins_a_block_and_parts_without_one_are_none() -> None:
    body = (
        "**Response:** no\n\n**Next:** no\n\n**Trigger:** a\n**Next:** b\n\n**Trigger:** c\n```\nNext: not this\n```\n"
    )
    trons = parsed(sections_page(body)).trons
    assert [(tron.trigger.split("\n")[0], tron.next) for tron in trons] == [("a", "b"), ("c", "")]


def test_feedback_is_the_quote_and_the_answer_that_follows() -> None:
    (tron,) = parsed(PAGE).trons
    assert tron.quote == "once is a tool.\nkeep the processes clean"
    assert tron.response.startswith("Will clean up by hand.")
    assert not tron.complete


def test_an_answer_belongs_to_the_last_feedback_and_block_quotes_do_where_no_fence_is() -> None:
    feedback = "### TRON Feedback (1)\n```quote\none\n```\n### TRON Feedback (2)\n> two\n> words\n"
    body = feedback + "### My Answer\nyes\n### My Answer\nno"
    trons = parsed(sections_page(body)).trons
    assert [(tron.quote, tron.response) for tron in trons] == [("one", ""), ("two\nwords", "yes")]
