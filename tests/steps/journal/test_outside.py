"""Text that the team did not write, and what is left of a document without it."""

from datetime import UTC, datetime

import pytest

from tests.flows.pages import page
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.outside import TOOL, drawn_from, find_outside, without_outside
from web4_agent.steps.journal.parse import parse_document


def document(text: str) -> Document:
    parsed = parse_document(DocumentId("d.pdca.md"), text.encode(), modified_utc=datetime(2026, 3, 2, tzinfo=UTC))
    assert isinstance(parsed, Document)
    return parsed


def outside(text: str) -> list[str]:
    lines = text.split("\n")
    return [lines[at] for at in sorted(find_outside(text).lines)]


@pytest.mark.parametrize("name", ["output", "console", "log", "stdout", "traceback"])
def test_a_fence_named_for_output_is_the_tools(name: str) -> None:
    assert outside(f"ours\n```{name}\n3 passed\n```\nours") == [f"```{name}", "3 passed", "```"]


def test_a_bare_fence_after_a_command_is_its_output() -> None:
    assert outside("```bash\nmake\n```\n\n```\ndone\n```") == ["```", "done", "```"]
    assert outside("```typescript\nlet a\n```\n\n```\nours\n```") == []


def test_a_label_before_a_fence_says_that_it_is_output() -> None:
    assert outside('**Output:**\n```json\n{"a": 1}\n```') == ["```json", '{"a": 1}', "```"]
    assert outside("**Layout:**\n```\na tree of ours\n```") == []


def test_commands_in_a_session_stay_and_what_came_back_goes() -> None:
    assert outside("```console\n$ ls\na b\n```") == ["a b"]


def test_a_block_quote_signed_with_an_address_is_its_sites() -> None:
    assert outside("> they say so\n> — https://example.org/page") == ["> they say so", "> — https://example.org/page"]


def test_a_persons_words_that_mention_an_address_are_the_persons() -> None:
    assert outside('> "the link https://example.org/page is broken, repair it"') == []


def test_a_line_that_names_its_source_speaks_for_the_quote_before_it() -> None:
    assert outside("> theirs\n\nSource: https://example.org/x\n\nours") == ["> theirs", "Source: https://example.org/x"]


def test_a_line_that_names_its_source_speaks_for_the_paragraph_it_ends() -> None:
    found = outside("ours\n\ntheirs one\ntheirs two\nSource: [the page](https://example.org/x)\n\nours")
    assert found == ["theirs one", "theirs two", "Source: [the page](https://example.org/x)"]


def test_a_dual_link_is_no_source() -> None:
    assert outside("**🔗 Previous PDCA:** [GitHub](https://example.org/a) | [§/a](a)\nours") == []


def test_sources_are_counted_by_host() -> None:
    found = find_outside("> theirs\n> https://one.example/a\n\n```output\nabc\n```\n")
    assert set(found.sources) == {"one.example", TOOL}


def test_an_address_that_is_none_breaks_nothing() -> None:
    assert outside("> x\n> https://[broken") == []


def test_a_document_loses_them_from_every_part() -> None:
    theirs = "\n```output\nPlanted 7 in the tool\n```\n"
    whole = document(page("tide table").replace("## **✅ CHECK**\n", f"## **✅ CHECK**\n{theirs}"))
    assert any("Planted" in section.text for section in whole.sections)
    left = without_outside(whole)
    assert "Planted" not in left.text + "".join(section.text for section in left.sections)
    assert "holds under load" in left.text


def test_a_document_mostly_pasted_from_a_site_draws_on_it() -> None:
    pasted = "> " + "words of theirs " * 90 + "\n> https://pasted.example/x\n"
    assert drawn_from(document(page("tide table") + pasted)) == "pasted.example"
    assert drawn_from(document(page("tide table") + "> few\n> https://pasted.example/x\n")) == ""
    assert drawn_from(document(page("tide table") + "```output\n" + "out " * 900 + "\n```\n")) == ""
