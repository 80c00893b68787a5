"""Finding what is there already."""

from dataclasses import replace

import numpy as np

from tests.steps.journal.pages import parsed, sections_page
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import ContentHash
from web4_agent.steps.journal.duplicates import NEAR, DuplicateIndex, signature, words_hash


def _page(name: str, seed: int, changed: int = 0) -> Document:
    words = np.random.default_rng(seed).integers(0, 5_000, 1_200)
    if changed:
        words[:: len(words) // changed] += 9_000
    return parsed(sections_page(" ".join(f"w{word}" for word in words)), name)


def test_the_same_bytes_under_another_name_are_a_duplicate() -> None:
    index = DuplicateIndex()
    index.add(_page("a.pdca.md", 1))
    assert index.nearest(_page("b.pdca.md", 1)) == ("a.pdca.md", 1.0)


def test_the_same_words_in_other_dress_are_a_duplicate() -> None:
    index = DuplicateIndex()
    first = _page("a.pdca.md", 1)
    index.add(first)
    dressed = parsed(first.text.upper().replace("W12 ", "**W12**\n\n"), "b.pdca.md")
    assert dressed.content_hash != first.content_hash
    assert index.nearest(dressed) == ("a.pdca.md", 1.0)


def test_nearly_the_same_words_are_a_duplicate_and_half_of_them_are_not() -> None:
    index = DuplicateIndex()
    index.add(_page("a.pdca.md", 1))
    near = index.nearest(_page("b.pdca.md", 1, changed=3))
    assert near is not None
    assert near[0] == "a.pdca.md"
    assert NEAR <= near[1] < 1.0
    assert index.nearest(_page("b.pdca.md", 1, changed=80)) is None


def test_novelty_falls_with_likeness() -> None:
    index = DuplicateIndex()
    assert index.novelty(_page("a.pdca.md", 1)) == 1.0
    index.add(_page("a.pdca.md", 1))
    same, near, other = (index.novelty(_page("b.pdca.md", *args)) for args in ((1, 0), (1, 20), (2, 0)))
    assert same == 0.0
    assert 0.05 < near < 0.6
    assert other > 0.9


def test_a_document_is_no_duplicate_of_itself_or_of_its_earlier_version() -> None:
    index = DuplicateIndex()
    index.add(_page("a.pdca.md", 1))
    assert index.nearest(_page("a.pdca.md", 1)) is None
    assert index.nearest(_page("a.pdca.md", 1, changed=3)) is None
    assert index.novelty(_page("a.pdca.md", 1)) == 1.0


def test_own_bytes_hide_no_twin() -> None:
    index = DuplicateIndex()
    for name in ("a.pdca.md", "b.pdca.md"):
        index.add(_page(name, 1))
    for name, twin in (("a.pdca.md", "b.pdca.md"), ("b.pdca.md", "a.pdca.md")):
        assert index.nearest(_page(name, 1)) == (twin, 1.0)


def test_what_is_taken_out_or_replaced_is_not_found_any_more() -> None:
    index = DuplicateIndex()
    index.add(_page("a.pdca.md", 1))
    index.add(_page("a.pdca.md", 2))
    assert len(index) == 1
    assert index.nearest(_page("b.pdca.md", 1)) is None
    index.remove(_page("a.pdca.md", 2).id)
    index.remove(_page("never.pdca.md", 2).id)
    assert index.nearest(_page("b.pdca.md", 2)) is None
    assert index.novelty(_page("b.pdca.md", 2)) == 1.0
    assert len(index) == 0


def test_the_index_grows_past_its_first_size() -> None:
    index = DuplicateIndex()
    pages = [
        parsed(sections_page(f"only {n} " * 3 + f"unique{n} thing{n} here{n} and{n} there{n} " * 4), f"{n}.pdca.md")
        for n in range(150)
    ]
    for page in pages:
        index.add(page)
    for page in pages[::29]:
        assert index.nearest(
            replace(page, id=parsed(sections_page(), "x.pdca.md").id, content_hash=ContentHash("0"))
        ) == (page.id, 1.0)


def test_texts_without_words_have_a_signature_too() -> None:
    assert np.array_equal(signature(""), signature("!!! ---"))
    assert words_hash("") == words_hash("…")
    assert not np.array_equal(signature("one two"), signature("one three"))
