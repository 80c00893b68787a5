"""Held-out texts are of tonight's documents, bounded, and never in what is trained."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.steps.samples.journal_pages import document, page
from web4_agent.domain.documents import Document, Section, SectionKind
from web4_agent.domain.samples import HeldOut
from web4_agent.steps.samples.build import build_between, build_samples, complete_probes
from web4_agent.steps.samples.clean import grams
from web4_agent.steps.samples.hold_out import LONGEST_CHARS, hold_out, other_days
from web4_agent.steps.samples.screen import forbidden_text, screen, template_lines

PAGES = [page(number, padding=12) for number in range(60)]


def test_each_of_a_few_documents_gives_a_window_of_moderate_length() -> None:
    held = hold_out(PAGES[:8], seed=3)
    assert {item.document for item in held} == {made.id for made in PAGES[:8]}
    texts = {made.id: made.text for made in PAGES}
    for item in held:
        assert item.group == "tonight"
        assert 400 <= len(item.text) <= LONGEST_CHARS
        assert item.document is not None
        assert all(line in texts[item.document] for line in item.text.splitlines())


def test_many_documents_give_forty_items_of_forty_documents() -> None:
    held = hold_out(PAGES, seed=3)
    assert len(held) == 40
    assert len({item.document for item in held}) == 40


def test_few_long_documents_give_several_windows_each_up_to_their_share() -> None:
    long = [page(number, padding=500) for number in range(3)]
    held = hold_out(long, seed=3)
    assert len(held) == 20
    for made in long:
        spared = sum(len(item.text) for item in held if item.document == made.id)
        assert spared <= 0.15 * len(made.text)
        windows = [item.text.splitlines() for item in held if item.document == made.id]
        assert max(Counter(line for window in windows for line in window).values()) == 1


def test_what_another_document_repeats_is_not_held_out() -> None:
    held = hold_out([PAGES[0], replace(PAGES[1], sections=PAGES[0].sections, text=PAGES[0].text)], seed=3)
    assert held == ()


def test_a_short_document_is_trained_whole() -> None:
    assert hold_out([document("# Short\n\n## DO\nOne line.\n", ())], seed=3) == ()


def test_equal_inputs_in_any_order_give_equal_items() -> None:
    assert hold_out(PAGES[:9], seed=3) == hold_out(PAGES[8::-1], seed=3)
    assert hold_out(PAGES[:9], seed=3) != hold_out(PAGES[:9], seed=4)


def test_of_other_days_at_most_twenty_are_drawn_and_one_of_a_document() -> None:
    stored = [*hold_out(PAGES, seed=3), *hold_out(PAGES, seed=5)]
    drawn = other_days(stored, seed=3)
    assert len(drawn) == 20
    assert len({item.document for item in drawn}) == 20
    assert {item.group for item in drawn} == {"other days"}
    assert {item.id for item in drawn} <= {item.id for item in stored}
    assert other_days(list(reversed(stored)), seed=3) == drawn


_WORDS = st.sampled_from(["relay", "berth", "crane", "tide", "lamp", "7420", "v1.2", "`code`", "**bold**", "✅", "→"])
_LINES = st.lists(_WORDS, max_size=30).map(" ".join)
_BODIES = st.lists(_LINES | st.sampled_from(["```", "- **Label:** value of it", "| a | b |", "|---|---|"]), max_size=25)
_SECTIONS = st.lists(st.tuples(st.sampled_from(list(SectionKind)), _BODIES.map("\n".join)), max_size=8)


@st.composite
def _documents(draw_from: st.DrawFn) -> list[Document]:
    made = []
    for number in range(draw_from(st.integers(1, 4))):
        sections = tuple(Section(kind, kind.value, (kind.value,), 2, body) for kind, body in draw_from(_SECTIONS))
        text = f"# Case {number}\n" + "".join(f"\n## {one.heading}\n{one.text}\n" for one in sections)
        made.append(document(text, sections, number=number))
    return made


@settings(max_examples=60, deadline=None)
@given(_documents(), st.integers(0, 2**32))
def test_whatever_the_documents_no_target_is_empty_and_no_held_out_words_are_trained(
    documents: list[Document], seed: int
) -> None:
    template = template_lines(documents)
    held = hold_out(documents, seed=seed, template=template)
    kept = _trained(documents, held, template, seed)
    assert kept == _trained(documents, held, template, seed)
    forbidden = {gram for item in held for gram in grams(item.text)} - {
        gram for line in template for gram in grams(line)
    }
    for _, prompt, target in kept:
        assert target.strip()
        assert forbidden.isdisjoint(grams(target))
        assert forbidden.isdisjoint(grams(prompt))


def _trained(
    documents: list[Document], held: tuple[HeldOut, ...], template: frozenset[str], seed: int
) -> list[tuple[str, str, str]]:
    """(id, prompt, target) of all that passes, in order, as the night prepares it."""
    built = [
        build_samples(
            made, seed=seed, held_out=[item.text for item in held if item.document == made.id], template=template
        )
        for made in documents
    ]
    probes = complete_probes(
        [one for part in built for one in part.probes], [one for part in built for one in part.answers]
    )
    forbidden = forbidden_text([item.text for item in held], probes, template)
    samples = [one for part in built for one in part.train] + list(build_between(documents, {}, seed=seed))
    return [(one.id, one.prompt, one.target) for one in screen(samples, forbidden, has_secret=lambda _: False).kept]
