"""Texts made to be slow: every step's time grows with their length, not with its square."""

import time
from collections.abc import Callable

import pytest

from tests.steps.journal.pages import MODIFIED_UTC, parsed, read_any, sections_page
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.chunk import chunk_document
from web4_agent.steps.journal.duplicates import signature, words_hash
from web4_agent.steps.journal.instructions import find_instructions
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.journal.personal import find_personal
from web4_agent.steps.journal.quality import score_quality
from web4_agent.steps.journal.secrets import find_secrets

UNIT = 2_000
"""Characters of the small text; the large one has eight times as many."""

GROWTH = 30.0
"""Eight times the text may take up to thirty times the time: room for caches and warming up. A quadratic step takes
sixty-four times."""

FLOOR_S = 0.02
"""Below this, times are noise."""

PATTERNS = {
    "hashes": "#",
    "headings": "# a\n",
    "deep headings": "## Plan\n###### x\n",
    "brackets": "[",
    "links": "[a](b)",
    "open links": "[a](",
    "nested links": "[[a](b)](",
    "parentheses": "[a](b(",
    "stars": "*",
    "back-ticks": "`",
    "spans": "`a` [x](",
    "fences": "```a\n",
    "nested fences": "```markdown\n```a\n",
    "closed fences": "```\nx\n```\n",
    "mixed fences": "```\n~~~\n",
    "quotes": ">",
    "quote lines": "> > > x\n",
    "rules": "---\n",
    "underlined": "a\n===\n",
    "spaces": " ",
    "blank lines": "\n",
    "fields": "**Date:** 2025-01-01 12:00\n",
    "colons": "a:",
    "CMM": "![CMM---",
    "trons": "**Trigger:** a\n**Next:** b\n\n",
    "sentences": "a. ",
    "words": "ab ",
    "one word": "a",
    "digits": "1",
    "dots": "1.",
    "mail": "a@b.",
    "phones": "+1 23 45 ",
    "ibans": "DE12 3456 7890 ",
    "ignore": "ignore previous ",
    "bearer": "Bearer aaaaaaaaaaaaaaaaaaaa ",
    "urls": "http://a:",
    "base64": "QUJDx1",
    "json": '"name":"a",',
    "joiners": "a‍",
    "emoji": "👩‍💻",
    "passwords": 'password = "aB3dE6gH9jK2mN5p"\n',
    "front matter": "---\na: [",
}


def _words(texts: list[str] | tuple[str, ...]) -> list[int]:
    return [2 + len(text) // 4 for text in texts]


def _parse(text: str) -> None:
    parse_document(DocumentId("x.pdca.md"), text.encode(), modified_utc=MODIFIED_UTC)


def _chunk(document: Document) -> None:
    chunk_document(document, lambda texts: _words(list(texts)))


STEPS: dict[str, Callable[[str, Document], object]] = {
    "parse": lambda text, _: _parse(text),
    "chunk": lambda _, document: _chunk(document),
    "secrets": lambda text, _: find_secrets(text),
    "personal": lambda text, _: find_personal(text),
    "instructions": lambda text, _: find_instructions(text),
    "quality": lambda _, document: score_quality(document, novelty=0.5),
    "duplicates": lambda text, _: (signature(text), words_hash(text)),
}


def _seconds(step: Callable[[str, Document], object], text: str) -> float:
    """Processor seconds of one call: others on the machine do not count."""
    document = read_any("## Plan\nx\n" + text)
    assert isinstance(document, Document)
    started = time.process_time()
    step(text, document)
    return time.process_time() - started


def _grows_too_fast(step: Callable[[str, Document], object], unit: str) -> bool:
    """Measured again where it looks so: a collection of garbage in the one and not in the other is no growth."""
    small = large = float("inf")
    for _ in range(4):
        small = min(small, _seconds(step, unit * (UNIT // len(unit))))
        large = min(large, _seconds(step, unit * (8 * UNIT // len(unit))))
        if large <= max(FLOOR_S, GROWTH * small):
            return False
    return True


@pytest.mark.parametrize("step", STEPS)
def test_time_grows_with_the_length_whatever_the_text(step: str) -> None:
    STEPS[step]("loads the libraries once", parsed(sections_page()))
    assert [name for name, unit in PATTERNS.items() if _grows_too_fast(STEPS[step], unit)] == []


@pytest.mark.parametrize("unit", ["#", "[", "`", ">", "[a]("])
def test_a_million_marks_are_parsed(unit: str) -> None:
    document = parsed(sections_page() + unit * (1_000_000 // len(unit)))
    assert document.title == "A page"


def test_every_pattern_gives_a_document_whose_text_is_kept() -> None:
    for unit in PATTERNS.values():
        text = sections_page() + unit * 50
        assert parsed(text).text == text
