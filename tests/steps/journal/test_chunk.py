"""Documents into pieces that fit the embedder."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.steps.journal.pages import PAGE, parsed, sections_page
from web4_agent.domain.documents import SectionKind
from web4_agent.steps.journal.chunk import chunk_document


class Counter:
    """Counts like a word-piece tokenizer: five letters a token, a long run one unknown, two special ones a text."""

    def __init__(self) -> None:
        self.calls = 0
        self.characters = 0

    def __call__(self, texts: Sequence[str]) -> list[int]:
        self.calls += 1
        self.characters += sum(map(len, texts))
        return [2 + sum(self._word(word) for word in text.split()) for text in texts]

    @staticmethod
    def _word(word: str) -> int:
        return 1 if len(word) > 100 else len(re.findall(r"\w{1,5}|\W", word))


def test_each_section_is_a_chunk_headed_by_title_and_path() -> None:
    chunks = chunk_document(parsed(PAGE), Counter())
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    strategy = next(chunk for chunk in chunks if chunk.path == ("PLAN", "Strategy"))
    assert strategy.text == "Kernel Testing - Server Lifecycle\nPLAN > Strategy\n- start, check, stop"
    assert strategy.kind is SectionKind.PLAN
    assert chunks[0].kind is SectionKind.META
    assert chunks[0].text.startswith("Kernel Testing - Server Lifecycle\n")


def test_ids_are_stable_and_depend_on_document_content_and_place() -> None:
    first = [chunk.id for chunk in chunk_document(parsed(PAGE), Counter())]
    assert first == [chunk.id for chunk in chunk_document(parsed(PAGE), Counter())]
    assert len(set(first)) == len(first)
    assert not set(first) & {chunk.id for chunk in chunk_document(parsed(PAGE + " "), Counter())}
    assert not set(first) & {chunk.id for chunk in chunk_document(parsed(PAGE, "other.pdca.md"), Counter())}


def test_a_long_section_is_cut_at_paragraphs_then_lines_then_sentences() -> None:
    paragraphs = "\n\n".join(f"Paragraph {n} has a few words of its own to say." for n in range(12))
    lines = "\n".join(f"- item {n} of the list, with some words" for n in range(12))
    sentences = " ".join(f"Sentence {n} goes on for a while." for n in range(12))
    for body, start in ((paragraphs, "Paragraph"), (lines, "- item"), (sentences, "Sentence")):
        chunks = chunk_document(parsed(sections_page(body)), Counter(), max_tokens=60)
        pieces = [
            chunk.text.split("DO\n", 1)[-1].split("Do\n", 1)[-1] for chunk in chunks if chunk.kind is SectionKind.DO
        ]
        assert len(pieces) > 2
        assert all(piece.startswith(start) for piece in pieces), pieces


def test_a_run_without_blanks_is_cut_anywhere() -> None:
    chunks = chunk_document(parsed(sections_page("a" * 20_000)), Counter(), max_tokens=64)
    assert max(len(chunk.text) for chunk in chunks) <= 64 * 12
    assert sum(chunk.text.count("aaa") > 0 for chunk in chunks) > 20
    assert "".join(chunk.text.rsplit("\n", 1)[-1] for chunk in chunks if chunk.kind is SectionKind.DO) == "a" * 20_000


def test_headings_without_text_and_long_ones_are_not_lost() -> None:
    long = "very long heading " * 20
    text = f"# {'Title words ' * 30}end\n\n## Plan\n\n### Empty\n\n### {long}tail\nx\n\n## Do\n\n### Last\n"
    kept = " ".join(chunk.text for chunk in chunk_document(parsed(text), Counter()))
    for word in ("Empty", "tail", "Last", "end"):
        assert word in kept


def test_an_empty_heading_that_is_part_of_another_word_is_kept() -> None:
    text = "# Testing it\n\n## Plan\n\n### Test\n\n## Do\nx\n"
    last = chunk_document(parsed(text), Counter())[-1]
    assert last.text == "Testing it\nDo\nTest\nx"


def test_tokens_are_counted_a_few_times_and_not_over_and_over() -> None:
    counter = Counter()
    document = parsed(
        sections_page("\n".join(f"line {n} of a long section. It says {n} things." for n in range(8_000)))
    )
    chunks = chunk_document(document, counter)
    assert len(chunks) > 500
    assert counter.calls < 20
    assert counter.characters < 12 * len(document.text)


_BODY = st.text(alphabet=st.sampled_from("ab .\n-#!é漢\t`>*|1"), max_size=600) | st.text(max_size=200)


@settings(max_examples=150, deadline=None)
@given(body=_BODY, max_tokens=st.sampled_from([24, 64, 256]))
def test_every_chunk_fits_and_no_character_is_lost(body: str, max_tokens: int) -> None:
    document = parsed(sections_page(body.encode("utf-8", "ignore").decode().replace("\0", "")))
    counter = Counter()
    chunks = chunk_document(document, counter, max_tokens)
    assert max(counter([chunk.text for chunk in chunks])) <= max_tokens
    prefixes = ["\n".join(filter(None, [document.title, " > ".join(chunk.path)])) for chunk in chunks]
    assume(all(chunk.text.startswith(prefix) for chunk, prefix in zip(chunks, prefixes, strict=True)))
    bodies = (chunk.text.removeprefix(prefix) for chunk, prefix in zip(chunks, prefixes, strict=True))
    together = "".join("".join(text.split()) for text in bodies)
    for section in document.sections:
        assert "".join(section.text.split()) in together


@pytest.mark.parametrize("max_tokens", [8, 16])
def test_even_a_tiny_limit_ends_and_loses_nothing(max_tokens: int) -> None:
    chunks = chunk_document(parsed(PAGE), Counter(), max_tokens)
    together = "".join(re.sub(r"\W", "", chunk.text) for chunk in chunks)
    assert "keeptheprocessesclean" in together
