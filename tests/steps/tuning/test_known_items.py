"""Questions made from a journal: none can find itself."""

from datetime import UTC, datetime

from tests.flows.pages import page
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.tuning.known_items import make_exam

QUOTE = "please look whether the harbour crane can lift the new buoy before the storm arrives"
FENCE = f"\n### TRON Feedback (1)\n```quote\n{QUOTE}\n```\nThank you\n"
LONG = "Nobody had expected that the old lighthouse keeper would answer every single letter by hand."


def parse(name: DocumentId, content: bytes) -> Document | None:
    parsed = parse_document(name, content, modified_utc=datetime(2026, 1, 1, tzinfo=UTC))
    return parsed if isinstance(parsed, Document) else None


def document(name: str, text: str) -> Document:
    made = parse(DocumentId(f"2026-03-02/2026-03-02-UTC-{name}.pdca.md"), text.encode())
    assert made is not None
    return made


def test_the_words_of_a_question_are_cut_out_of_its_document() -> None:
    one = document("0900-crane", page("crane", "lifts what the harbour master asked for") + FENCE)
    assert one.trons[0].quote == QUOTE
    exam = make_exam([one], parse)
    assert {kind: len(items) for kind, items in exam.questions.items()}["quotes"] == 1
    assert QUOTE in one.text
    assert QUOTE not in exam.documents[0].text
    assert one.header.objective not in exam.documents[0].text


def test_an_objective_is_asked_without_the_words_of_the_title() -> None:
    one = document("0900-crane", page("crane", "lifts what the harbour master asked for"))
    (asked,) = make_exam([one], parse).questions["objectives"]
    assert "crane" not in asked.question.split()
    assert "harbour" in asked.question.split()


def test_a_document_with_neither_is_asked_for_by_its_longest_sentence() -> None:
    plain = page("lamp", LONG).replace("**🎯 Objective:**", "**Note:**")
    one = document("0900-lamp", plain)
    assert make_exam([one], parse).questions.get("sentences") is None
    exam = make_exam([one], parse, sentences=True)
    (asked,) = exam.questions["sentences"]
    assert asked.document == one.id
    assert "lamp" not in asked.question.split()
    assert len(exam.documents[0].text) < len(one.text)
