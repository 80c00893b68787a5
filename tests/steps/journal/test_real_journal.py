"""The figures the steps are held to on a real journal of 362 documents, and on the one that ships.

The real journal lies beside the checkout, or these tests are left out.
"""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from tests.conftest import DEMO_JOURNAL, JOURNAL
from web4_agent.domain.documents import Document, LinkKind, Rejection, RejectionReason, SectionKind
from web4_agent.steps.journal.chunk import chunk_document
from web4_agent.steps.journal.discover import find_documents
from web4_agent.steps.journal.duplicates import DuplicateIndex
from web4_agent.steps.journal.links import breadcrumbs, known_names, resolve_links
from web4_agent.steps.journal.parse import read_document
from web4_agent.steps.journal.quality import score_quality
from web4_agent.steps.journal.safety import screen_all

PDCA = [SectionKind.PLAN, SectionKind.DO, SectionKind.CHECK, SectionKind.ACT]


def _read(root: Path) -> list[Document | Rejection]:
    return [read_document(root, found.path) for found in find_documents(root).documents]


@pytest.fixture(scope="module")
def real() -> list[Document]:
    return [read for read in _read(JOURNAL) if isinstance(read, Document)]


@pytest.fixture(scope="module")
def demo() -> list[Document]:
    return [read for read in _read(DEMO_JOURNAL) if isinstance(read, Document)]


def _in_order(document: Document) -> bool:
    return [kind for kind in dict.fromkeys(section.kind for section in document.sections) if kind in PDCA] == PDCA


@pytest.mark.journal
def test_all_but_the_one_without_any_section_are_documents() -> None:
    reads = _read(JOURNAL)
    rejections = [read for read in reads if isinstance(read, Rejection)]
    assert len(reads) == 362
    assert [rejection.reason for rejection in rejections] == [RejectionReason.NO_STRUCTURE]


@pytest.mark.journal
def test_plan_do_check_act_are_found_in_order_in_at_least_336(real: list[Document]) -> None:
    assert sum(map(_in_order, real)) >= 336


@pytest.mark.journal
def test_every_document_is_dated_by_its_name_and_25_headers_say_otherwise(real: list[Document]) -> None:
    assert {document.day_source for document in real} == {"file name"}
    assert all(document.id.startswith(document.day.isoformat()) for document in real)
    assert sum("header's date" in " ".join(document.warnings) for document in real) == 25


@pytest.mark.journal
def test_header_fields_are_found_where_they_are_written(real: list[Document]) -> None:
    for field, pattern, least in (
        ("agent", "👤 Agent Name:**", 176),
        ("objective", "**🎯 Objective:**", 320),
        ("previous_commit", "**📎 Previous Commit:**", 310),
        ("branch", "**👤 Branch:**", 255),
        ("template_version", "Template Version:**", 250),
    ):
        wearing = [document for document in real if pattern in document.text.split("\n## ")[0]]
        assert len(wearing) >= least
        missing = [document.id for document in wearing if not getattr(document.header, field)]
        assert missing == [], field


@pytest.mark.journal
def test_every_users_quote_is_kept_and_answered(real: list[Document]) -> None:
    quoting = [document for document in real if "\n```quote" in document.text]
    assert len(quoting) >= 320
    assert all(any(tron.quote for tron in document.trons) for document in quoting)
    assert sum(any(tron.quote and tron.response for tron in document.trons) for document in quoting) >= 300


@pytest.mark.journal
def test_at_least_88_of_100_links_to_the_page_before_find_it(real: list[Document]) -> None:
    resolved = resolve_links(real, known_names(document.id for document in real))
    back = [link for link in resolved if link.kind is LinkKind.PREVIOUS]
    assert len(back) > 250
    assert sum(link.target is not None for link in back) / len(back) > 0.94
    edges = breadcrumbs(resolved)
    assert len(edges) >= 240
    later = sum(edge.earlier <= edge.later for edge in edges)
    assert later / len(edges) > 0.9, "nearly all lead back in time"


@pytest.mark.journal
def test_no_secret_no_person_and_no_instruction_is_seen_where_none_is(real: list[Document]) -> None:
    kinds = Counter((finding.kind, finding.rule) for screened in screen_all(real) for finding in screened.findings)
    assert kinds == {}


@pytest.mark.journal
def test_no_two_documents_are_duplicates_and_scores_spread(real: list[Document]) -> None:
    index = DuplicateIndex()
    totals = []
    for document in real:
        assert index.nearest(document) is None, document.id
        totals.append(score_quality(document, novelty=index.novelty(document)).total)
        index.add(document)
    totals.sort()
    assert totals[0] < 60 < totals[len(totals) // 10] < 90 < totals[-1] <= 100


@pytest.mark.journal
def test_every_document_is_chunked_whole(real: list[Document]) -> None:
    for document in real[::12]:
        chunks = chunk_document(document, lambda texts: [2 + len(text) // 3 for text in texts])
        together = "".join("".join(chunk.text.split()) for chunk in chunks)
        for section in document.sections:
            assert all(word in together for word in section.text.split())


def test_the_shipped_journal_is_read_without_a_rejection(demo: list[Document]) -> None:
    assert len(demo) == len(find_documents(DEMO_JOURNAL).documents) >= 30
    assert all(document.title and document.header.agent and document.header.objective for document in demo)
    assert sum(map(_in_order, demo)) >= len(demo) - 3
    assert all(document.day >= date(2026, 3, 1) for document in demo)


def test_the_shipped_journal_hangs_together(demo: list[Document]) -> None:
    resolved = resolve_links(demo, known_names(document.id for document in demo))
    back = [link for link in resolved if link.kind is LinkKind.PREVIOUS]
    assert len(back) >= len(demo) - 2
    assert [link.url for link in back if link.target is None] == []
    assert any(tron.complete for document in demo for tron in document.trons)
    assert {"CMM2", "CMM3", "CMM4"} <= {document.header.cmm for document in demo}


def test_the_shipped_journal_holds_one_page_of_each_kind_that_must_not_be_trained(demo: list[Document]) -> None:
    found = {screened.document.slug: screened for screened in screen_all(demo) if screened.findings}
    assert set(found) == {"visitor-berth-complaint", "weather-archive-upload"}
    assert found["weather-archive-upload"].rejection is not None
    complaint = found["visitor-berth-complaint"]
    assert "[e-mail removed], telephone [phone number removed]" in complaint.document.text
    assert complaint.rejection is None
    assert not complaint.ok_to_train
