"""The samples of real documents: as many as promised, true to their text, and fit to be read."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import Sample, SampleKind
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.samples.build import CAP, build_between, build_samples, complete_probes
from web4_agent.steps.samples.clean import grams, supported
from web4_agent.steps.samples.hold_out import hold_out
from web4_agent.steps.samples.screen import forbidden_text, screen, template_lines

REPOSITORY = Path(__file__).parents[3]
DEMO = REPOSITORY / "src/web4_agent/data/demo_journal"
REAL = REPOSITORY / "../shared/journal"
SILLY_ENDS = ("→", "✅", "❌", "-", ":", ",", "**", "|")


def documents_below(root: Path, limit: int) -> list[Document]:
    files = sorted(root.rglob("*.md"))
    names = {path: DocumentId(path.relative_to(root).as_posix()) for path in files[:: max(1, len(files) // limit)]}
    parsed = [
        parse_document(name, path.read_bytes(), modified_utc=datetime(2026, 1, 1, tzinfo=UTC))
        for path, name in names.items()
    ]
    return [document for document in parsed if isinstance(document, Document)]


def test_the_demo_journals_days_give_samples_probes_and_held_out_texts() -> None:
    days = sorted(path for path in DEMO.iterdir() if path.is_dir())
    assert days
    for day in days:
        documents = documents_below(day, 99)
        assert len(hold_out(documents, seed=1)) >= min(20, len(documents)) - 1
        check(documents)


@pytest.mark.journal
@pytest.mark.skipif(not REAL.is_dir(), reason="the shared journal is not beside this checkout")
def test_samples_of_the_real_journal_are_true_and_clean() -> None:
    check(documents_below(REAL, 36))


def check(documents: list[Document]) -> None:
    template = template_lines(documents)
    held = hold_out(documents, seed=1, template=template)
    kept_back = {item.document: item.text for item in held}
    built = [
        build_samples(one, seed=1, held_out=[kept_back[one.id]] if one.id in kept_back else [], template=template)
        for one in documents
    ]
    assert all(6 <= len(part.train) <= CAP for part in built)
    texts = {one.id: one.text for one in documents}
    probes = complete_probes([p for part in built for p in part.probes], [a for part in built for a in part.answers])
    assert len(probes) >= 2 * len(documents)
    samples = [one for part in built for one in part.train] + list(build_between(documents, {}, seed=1))
    screened = screen(samples, forbidden_text([one.text for one in held], probes, template), has_secret=lambda _: False)
    assert len(screened.dropped) <= 0.02 * len(samples)
    unseen = {gram for one in held for gram in grams(one.text)} - {gram for line in template for gram in grams(line)}
    for sample in screened.kept:
        assert unseen.isdisjoint(grams(sample.target))
        if sample.kind is SampleKind.QUESTION:
            assert sample.document is not None
            assert supported(sample.target, texts[sample.document]), sample
            assert fit_to_read(sample), sample


def fit_to_read(sample: Sample) -> bool:
    answer = sample.target
    return (
        not answer.endswith(SILLY_ENDS)
        and not answer.startswith(SILLY_ENDS)
        and "](" not in answer
        and "**" not in answer
        and answer.casefold() not in {"n/a", "none", "tbd"}
        and len(answer) <= 240
    )
