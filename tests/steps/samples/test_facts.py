"""What a document states in so many words."""

import pytest

from tests.steps.samples.journal_pages import document, page
from web4_agent.domain.documents import Document, Section, SectionKind
from web4_agent.steps.samples.clean import supported
from web4_agent.steps.samples.facts import Fact, facts_of, topic_of, written_at


def one_section(kind: SectionKind, body: str) -> Document:
    return document(f"# Tide Tables\n\n## X\n{body}\n", (Section(kind, "X", ("X",), 2, body),))


def test_header_fields_lose_what_follows_the_arrow() -> None:
    facts = {fact.field: fact.answer for fact in facts_of(page(1))}
    assert facts["agent"] == "Agent 1"
    assert facts["role"] == "Operations"
    assert facts["branch"] == "dev/case-1"
    assert facts["day"] == "2026-03-03"


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        ("- **Sill:** the edge between two basins", Fact("label", "the edge between two basins", "Sill")),
        ("- ✅ **Sill**: the edge of two basins", Fact("label", "the edge of two basins", "Sill")),
        ("- berthd: 7420", Fact("label", "7420", "berthd")),
        ("**Learning Applied:** measure before you guess", Fact("learned", "measure before you guess")),
        ("The pool of berthd may hold 16 connections.", Fact("rest", "16 connections", "The pool of berthd may hold")),
        (
            "| Library | Error |\n|---|---|\n| UTide | 6.1 cm |",
            Fact("cell", "6.1 cm", "UTide", "Error"),
        ),
    ],
)
def test_a_body_states_facts(body: str, fact: Fact) -> None:
    assert fact in facts_of(one_section(SectionKind.DO, body))


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("- [x] **Decision 1: Owner** - The crew keeps it", Fact("decision", "The crew keeps it", "Owner")),
        ("- [x] Staging gets a broker of its own", Fact("decided", "Staging gets a broker of its own")),
    ],
)
def test_a_ticked_decision_is_a_fact(line: str, fact: Fact) -> None:
    assert fact in facts_of(one_section(SectionKind.DECISIONS, line))


@pytest.mark.parametrize(
    "line",
    [
        "- [x] All clear, no decisions to make",
        "- [ ] **Decision 1: Owner** - The crew keeps it",
        "- [x] **Decision 1: Owner** - Should the crew keep it?",
        "- [x] **Decision 1: Owner** - N/A",
    ],
)
def test_what_was_not_decided_is_no_fact(line: str) -> None:
    fields = {fact.field for fact in facts_of(one_section(SectionKind.DECISIONS, line))}
    assert fields.isdisjoint({"decision", "decided", "label"})


@pytest.mark.parametrize(
    "body",
    [
        "```\n**Sill:** the edge of two basins\n```",
        "- **Sill:** [GitHub](https://x.example/a)",
        "- **Sill:** ✅",
        "| a | b |",
    ],
)
def test_code_links_and_ticks_are_no_facts(body: str) -> None:
    assert not [fact for fact in facts_of(one_section(SectionKind.DO, body)) if fact.label == "Sill"]


def test_a_label_that_stands_twice_asks_nothing() -> None:
    body = "- **Result:** the first basin froze\n- **Sill:** one two three\n- **Sill:** four five six"
    assert not [fact for fact in facts_of(one_section(SectionKind.DO, body)) if fact.label == "Sill"]


def test_every_fact_is_a_span_of_its_document() -> None:
    for number in range(20):
        made = page(number)
        facts = facts_of(made)
        assert len(facts) > 8
        assert all(supported(fact.answer, made.text) for fact in facts)


def test_a_document_without_a_title_goes_by_its_slug() -> None:
    assert topic_of(document("no heading here\n", ())) == "no heading here"
    assert topic_of(document("\n", ())) == "case 0"


def test_the_time_of_day_comes_from_the_file_name() -> None:
    assert written_at(page(7)) == "0807"
