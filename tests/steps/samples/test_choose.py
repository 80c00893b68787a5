"""What a night is made of, from documents to samples: its windows fit its documents, its kinds are the recipe's."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.flows.pages import TOPICS, page
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import SampleKind
from web4_agent.domain.training import TrainPolicy
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.samples.choose import SHORTEST_WINDOW_TOKENS, Material, choose, general_sample, passage_tokens
from web4_agent.steps.samples.mix import History

POLICY = TrainPolicy(max_tokens=6_000, text_share=0.5)


def _documents() -> list[Document]:
    found = []
    for name, topic, words in TOPICS:
        key = DocumentId(f"2026-03-02/2026-03-02-UTC-{name}.pdca.md")
        read = parse_document(key, page(topic, words).encode(), modified_utc=datetime(2026, 3, 2, tzinfo=UTC))
        assert isinstance(read, Document)
        found.append(read)
    return found


def _material(**changes: object) -> Material:
    values: dict[str, object] = {
        "tonight": _documents(),
        "replayed": [],
        "earlier": [],
        "previous": {},
        "history": History(),
        "night_index": 1,
        "general": [general_sample("one", "What is two and two?", "Four.")],
        "forbidden": [],
        "has_secret": lambda _: False,
    }
    return Material(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time


@pytest.mark.parametrize(
    ("max_tokens", "documents", "wanted"),
    [
        (40_000, 10, 256),  # room for whole windows: as long as the policy says
        (40_000, 80, 100),  # a busy day: 40 % new, half of it full text, for 80 documents
        (6_000, 80, SHORTEST_WINDOW_TOKENS),
        (6_000, 0, 256),
    ],
)
def test_a_window_is_as_long_as_the_part_of_the_night_its_document_has(
    max_tokens: int, documents: int, wanted: int
) -> None:
    assert passage_tokens(replace(POLICY, max_tokens=max_tokens), documents) == wanted


def test_a_window_is_never_longer_than_a_sample_may_be() -> None:
    assert passage_tokens(replace(POLICY, max_tokens=40_000, max_sample_tokens=128), 4) == 128


def test_every_document_of_a_night_is_taught_a_passage() -> None:
    chosen = choose(_material(), POLICY)
    taught = {one.document for one in chosen.samples.train if one.kind is SampleKind.FULL_TEXT}
    assert taught == {document.id for document in _documents()}


@pytest.mark.parametrize("kind", [SampleKind.QUESTION, SampleKind.FULL_TEXT])
def test_a_recipe_of_one_kind_trains_that_kind_and_general_samples_alone(kind: SampleKind) -> None:
    chosen = choose(_material(), replace(POLICY, kinds=(str(kind),)))
    assert {one.kind for one in chosen.samples.train} == {kind, SampleKind.GENERAL}
    assert chosen.built >= 1


def test_held_out_texts_that_were_chosen_before_are_taken_as_they_are() -> None:
    held = choose(_material(), POLICY).samples.held_out
    again = choose(_material(held_out=held[:2]), POLICY).samples
    assert again.held_out == held[:2]
    lines = {line for item in held[:2] for line in item.text.splitlines() if len(line) > 40}
    assert lines
    assert not [line for line in lines for one in again.train if line in one.target]


def test_a_general_sample_that_repeats_what_is_judged_is_left_out_and_told() -> None:
    """Those that ship are clean; a team's own are screened like all else."""
    clean = general_sample("clean", "What is two and two?", "Four.")
    copied = general_sample("copied", "Who painted the Mona Lisa?", "Leonardo da Vinci.", safety=True)
    material = _material(general=[clean, copied], asked=[("Who painted the Mona Lisa?", "")])
    samples = choose(material, POLICY).samples
    assert clean in samples.train
    assert copied not in samples.train
    assert dict(samples.dropped)[copied.id] == "asks a gate item's question word for word"
