"""Whose text a document is."""

from dataclasses import dataclass

from tests.flows.pages import TOPICS, page
from web4_agent.domain.ids import ContentHash, DocumentId
from web4_agent.steps.journal.origins import find_origins


@dataclass(frozen=True)
class Text:
    id: DocumentId
    text: str
    content_hash: ContentHash


def text(name: str, words: str) -> Text:
    return Text(DocumentId(name), words, ContentHash("0"))


def said(of: str, count: int = 90) -> str:
    return " ".join(f"{of}{at}" for at in range(count))


def test_a_renamed_copy_is_its_originals() -> None:
    assert find_origins([text("b", said("x"))], [text("a", said("x"))], {}) == {"b": "a"}


def test_a_copy_of_a_copy_is_the_firsts() -> None:
    known = [text("a", said("x")), text("b", said("x"))]
    assert find_origins([text("c", said("x"))], known, {DocumentId("b"): DocumentId("a")}) == {"c": "a"}


def test_a_text_that_mostly_quotes_another_is_the_others() -> None:
    quoting = f"{said('own', 60)} {said('x', 120)}"
    assert find_origins([text("b", quoting)], [text("a", said("x", 200))], {}) == {"b": "a"}


def test_a_text_that_quotes_a_little_is_its_own() -> None:
    quoting = f"{said('own', 300)} {said('x', 60)}"
    assert find_origins([text("b", quoting)], [text("a", said("x", 200))], {}) == {}


def test_copies_that_arrive_together_are_the_firsts() -> None:
    arrived = [text("a", said("x", 200)), text("b", said("x", 200) + " and more")]
    assert find_origins(arrived, [], {}) == {"b": "a"}


def test_an_edited_document_keeps_the_origin_it_had() -> None:
    origins = {DocumentId("b"): DocumentId("a")}
    assert find_origins([text("b", said("new"))], [text("b", said("old"))], origins) == {"b": "a"}


def test_an_edited_document_is_not_its_own_copy() -> None:
    assert find_origins([text("a", said("x"))], [text("a", said("x"))], {}) == {}


def test_what_stands_in_a_fifth_of_the_documents_is_the_houses() -> None:
    house = said("house", 200)
    known = [text(f"k{at}", f"{house} {said(f'own{at}', 20)}") for at in range(5)]
    assert find_origins([text("new", f"{house} {said('mine', 20)}")], known, {}) == {}


def test_pages_of_one_template_are_each_their_own() -> None:
    pages = [text(name, page(topic, words)) for name, topic, words in TOPICS]
    assert find_origins(pages, [], {}) == {}


def test_a_few_words_say_nothing() -> None:
    assert find_origins([text("b", said("x", 12))], [text("a", said("x", 12))], {}) == {}
