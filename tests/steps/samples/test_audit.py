"""Samples are held against their documents once more before a verdict."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.conftest import DEMO_JOURNAL, JOURNAL
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import Sample, SampleKind
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.samples.audit import audit
from web4_agent.steps.samples.build import build_samples

NOW = datetime(2026, 3, 3, tzinfo=UTC)


def documents(root: object, count: int = 30) -> list[Document]:
    paths = sorted(DEMO_JOURNAL.rglob("*.md")) if root is DEMO_JOURNAL else sorted(JOURNAL.rglob("*.md"))
    parsed = [parse_document(DocumentId(path.name), path.read_bytes(), modified_utc=NOW) for path in paths[:count]]
    return [one for one in parsed if isinstance(one, Document)]


def right_and_dealt(found: list[Document]) -> tuple[list[Sample], list[Sample]]:
    """Samples as built, and the same with their targets dealt out among them."""
    built = [sample for one in found for sample in build_samples(one, seed=1).train]
    targets = [sample.target for sample in built]
    random.Random(7).shuffle(targets)
    return built, [replace(sample, target=target) for sample, target in zip(built, targets, strict=True)]


@pytest.mark.parametrize("root", [DEMO_JOURNAL, pytest.param(JOURNAL, marks=pytest.mark.journal)])
def test_samples_as_built_are_borne_out_and_dealt_ones_are_not(root: object) -> None:
    found = documents(root)
    texts = {one.id: one.text for one in found}
    built, dealt = right_and_dealt(found)
    assert audit(built, texts).checked > 100
    assert audit(built, texts).unsupported == ()
    caught = audit(dealt, texts)
    assert len(caught.unsupported) > 0.8 * caught.checked


def test_what_no_single_document_says_and_documents_that_are_gone_are_left_out() -> None:
    found = documents(DEMO_JOURNAL, 3)
    built, _ = right_and_dealt(found)
    texts = {one.id: one.text for one in found}
    for kind in (SampleKind.NOT_RECORDED, SampleKind.FEEDBACK):
        untold = [replace(one, kind=kind, target="That is in no document.") for one in built]
        assert audit(untold, texts).checked == 0
    assert audit(built, {}).checked == 0
