"""Questions of a tuning: which half each is in, and what thumbs say of documents."""

from hypothesis import given
from hypothesis import strategies as st

from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.domain.queries import RatedAnswer, SourceUse, Thumb
from web4_agent.steps.tuning.known_items import Exam, KnownItem, is_tuning
from web4_agent.steps.tuning.questions import THUMBS_DOWN, THUMBS_UP, from_exam, from_thumbs

NAMES = [DocumentId(f"2026-03-02/{at}.pdca.md") for at in range(40)]
TUNES = [name for name in NAMES if is_tuning(name)]
CHECKS = [name for name in NAMES if not is_tuning(name)]


def rated(question: str, thumb: Thumb, *documents: DocumentId) -> RatedAnswer:
    uses = [SourceUse(at, name, ChunkId(name), "", 0.5, 1.0) for at, name in enumerate(documents, start=1)]
    return RatedAnswer(question, thumb, tuple(uses))


def test_the_sources_of_a_thumb_up_are_right_and_the_first_is_the_question_s_home() -> None:
    (one,) = from_thumbs([rated("why?", Thumb.UP, TUNES[1], TUNES[0])], set(NAMES))
    assert (one.kind, one.home, one.right) == (THUMBS_UP, TUNES[1], frozenset(TUNES[:2]))
    assert one.is_noise(TUNES[2])
    assert not one.is_noise(TUNES[0])


def test_a_source_of_the_other_half_counts_neither_way() -> None:
    (one,) = from_thumbs([rated("why?", Thumb.UP, TUNES[0], CHECKS[0])], set(NAMES))
    assert one.right == {TUNES[0]}
    assert not one.is_noise(CHECKS[0])


def test_the_sources_of_a_thumb_down_are_noise_and_of_others_nothing_is_known() -> None:
    (one,) = from_thumbs([rated("why?", Thumb.DOWN, CHECKS[0])], set(NAMES))
    assert (one.kind, len(one.right), one.wrong) == (THUMBS_DOWN, 0, frozenset(CHECKS[:1]))
    assert one.is_noise(CHECKS[0])
    assert not one.is_noise(CHECKS[1])


def test_thumbs_on_one_question_are_counted_together_and_a_tie_says_nothing() -> None:
    up, down = rated("why? ", Thumb.UP, TUNES[0]), rated(" why?", Thumb.DOWN, TUNES[0])
    assert from_thumbs([up, down], set(NAMES)) == []
    (one,) = from_thumbs([up, down, up], set(NAMES))
    assert one.right == {TUNES[0]}


def test_documents_that_are_gone_and_tool_examples_are_left_out() -> None:
    example = RatedAnswer("why?", Thumb.UP, (SourceUse(0, NAMES[0], ChunkId("x"), "tool_examples", 0.5, 1.0),))
    assert from_thumbs([example, rated("why?", Thumb.UP, DocumentId("gone.md"))], set(NAMES)) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.lists(st.sampled_from(NAMES), min_size=1, max_size=4))))
def test_no_document_is_home_or_answer_in_both_halves(votes: list[tuple[int, bool, list[DocumentId]]]) -> None:
    told = [rated(f"q{at}", Thumb.UP if up else Thumb.DOWN, *names) for at, up, names in votes]
    for one in from_thumbs(told, set(NAMES)):
        assert {is_tuning(name) for name in {one.home, *one.right, *(one.wrong or ())}} == {one.tunes}


def test_more_queries_ask_the_same_and_others() -> None:
    exam = Exam((), {"quotes": tuple(KnownItem(f"what was said at {name}", name) for name in NAMES)})
    few, many = from_exam(exam, 10), from_exam(exam, 30)
    assert len(few) == 10
    assert many[:10] == few
    assert from_exam(exam, 1000) == from_exam(exam, 40)
