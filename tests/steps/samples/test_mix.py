"""A night's proportions, caps and order."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web4_agent.domain.ids import ContentHash, DocumentId, SampleId
from web4_agent.domain.samples import Sample, SampleKind, SampleOrigin
from web4_agent.domain.training import TrainPolicy
from web4_agent.steps.samples.mix import LIFE_EXPOSURES, SOURCE_SHARE, History, Mix, mix

POLICY = TrainPolicy()


def sample(document: str | None, at: int, size: int = 10, prompt: int = 5) -> Sample:
    """`size` and `prompt` are the numbers of words, which the tests count as tokens."""
    name = f"{document or 'general'}-{at}"
    of = DocumentId(document) if document else None
    kind = SampleKind.QUESTION if document else SampleKind.GENERAL
    return Sample(SampleId(name), kind, SampleOrigin.NEW, "p " * prompt, f"{name} " * size, of, ContentHash("c"))


def documents(prefix: str, count: int, samples: int = 10, size: int = 10) -> list[Sample]:
    return [sample(f"{prefix}{number}", at, size) for number in range(count) for at in range(samples)]


def count_words(text: str) -> int:
    return len(text.split())


def night(
    new: list[Sample], replay: list[Sample], general: list[Sample], policy: TrainPolicy = POLICY, **rest: object
) -> Mix:
    index = rest.get("night_index", 20)
    history = rest.get("history")
    assert isinstance(index, int)
    assert history is None or isinstance(history, History)
    return mix(new, replay, general, policy, night_index=index, history=history, count_tokens=count_words)


def general(count: int = 400) -> list[Sample]:
    return [sample(None, at) for at in range(count)]


def shares(mixed: Mix) -> tuple[float, float, float]:
    whole = sum(mixed.loss_tokens.values())
    parts = (SampleOrigin.NEW, SampleOrigin.REPLAY, SampleOrigin.GENERAL)
    new, replay, rest = (mixed.loss_tokens[origin] / whole for origin in parts)
    return round(new, 2), round(replay, 2), round(rest, 2)


def test_a_full_night_is_two_fifths_new_two_fifths_replay_one_fifth_general() -> None:
    assert shares(night(documents("n", 20), documents("r", 60), general())) == (0.4, 0.4, 0.2)


def test_the_first_night_keeps_the_ratio_of_new_to_general() -> None:
    mixed = night(documents("n", 20), [], general(), night_index=1)
    assert shares(mixed) == (0.67, 0.0, 0.33)


@pytest.mark.parametrize("prompt", [0, 5, 30])
def test_where_the_recipe_says_so_the_general_share_is_of_all_tokens(prompt: int) -> None:
    """Short answers to long questions cost a night more than they bear loss."""
    short = [sample(None, at, 6, prompt) for at in range(400)]
    parts = {}
    for by_all in (False, True):
        asked = replace(POLICY, general_in_all_tokens=by_all)
        mixed = night(documents("n", 20), documents("r", 60), short, asked)
        cost = dict.fromkeys(SampleOrigin, 0)
        for one in mixed.samples:
            cost[one.origin] += count_words(one.prompt) + count_words(one.target)
        parts[by_all] = cost[SampleOrigin.GENERAL] / sum(cost.values())
        assert by_all or shares(mixed)[2] == 0.2
    assert parts[True] == pytest.approx(0.2, abs=0.01)
    assert parts[False] > 0.4 or prompt < 30


def test_general_samples_that_neither_hold_nor_teach_are_left_out() -> None:
    idle = replace(POLICY, kl_weight=0.0, general_loss=0.0, safety_loss=0.0)
    assert shares(night(documents("n", 20), documents("r", 60), general(), idle)) == (0.5, 0.5, 0.0)
    for teaching in (replace(idle, general_loss=1.0), replace(idle, safety_loss=1.0)):
        assert shares(night(documents("n", 20), documents("r", 60), general(), teaching))[2] == 0.2


def test_replay_grows_over_the_first_week() -> None:
    grown = [shares(night(documents("n", 20), documents("r", 60), general(), night_index=at))[1] for at in range(1, 9)]
    assert grown == sorted(grown)
    assert (grown[0], grown[6], grown[7]) == (0.0, 0.4, 0.4)
    assert grown[3] == pytest.approx(0.25, abs=0.01)


def test_a_pool_that_runs_dry_is_not_repeated() -> None:
    mixed = night(documents("n", 20), documents("r", 2), general(10))
    assert max(Counter(one.id for one in mixed.samples).values()) == 1
    assert mixed.counts[SampleOrigin.GENERAL] == 10


def test_where_there_are_enough_documents_none_has_more_than_its_share() -> None:
    new = documents("n", 20) + [sample("n0", at) for at in range(10, 55)]
    mixed = night(new, documents("r", 60), general())
    assert mixed.largest_document_share <= POLICY.document_share
    assert mixed.notes == ()
    assert {reason for _, reason in mixed.dropped} == {"its document has its share of the night"}
    assert {one.document for one in mixed.samples} >= {DocumentId(f"n{number}") for number in range(20)}


def test_with_few_documents_the_share_relaxes_to_one_and_a_half_even_parts_and_says_so() -> None:
    mixed = night(documents("n", 3) + [sample("n0", at) for at in range(10, 40)], [], general(), night_index=1)
    loss: dict[DocumentId | None, int] = defaultdict(int)
    for one in mixed.samples:
        loss[one.document] += count_words(one.target)
    mean = (loss[DocumentId("n0")] + loss[DocumentId("n1")] + loss[DocumentId("n2")]) / 3
    assert loss[DocumentId("n0")] <= 1.5 * mean
    assert loss[DocumentId("n1")] == 100
    assert "3 new documents are too few" in mixed.notes[0]


def test_one_document_alone_is_trained() -> None:
    mixed = night(documents("n", 1), [], general(), night_index=1)
    assert mixed.counts[SampleOrigin.NEW] == 10


def test_a_document_is_shown_no_more_than_sixty_times_in_its_life() -> None:
    new, old = documents("n", 20), documents("r", 10)
    exposures = {DocumentId("r0"): LIFE_EXPOSURES, DocumentId("r1"): LIFE_EXPOSURES - 4}
    history = History(learned_nights={DocumentId(f"r{number}"): 3 for number in range(10)}, exposures=exposures)
    shown = Counter(one.document for one in night(new, old, general(), history=history).samples)
    assert shown[DocumentId("r0")] == 0
    assert shown[DocumentId("r1")] == 4
    twice = Counter(
        one.document for one in night(new, old, general(), replace(POLICY, epochs=2), history=history).samples
    )
    assert twice[DocumentId("r1")] == 2


def test_documents_whose_night_it_is_are_replayed_first_then_those_not_seen_for_longest() -> None:
    old = documents("r", 40, samples=10)
    learned = {DocumentId(f"r{number}"): (7 if number < 5 else 8) for number in range(40)}
    seen = {DocumentId(f"r{number}"): number for number in range(40)}
    mixed = night(documents("n", 15), old, general(), history=History(learned, seen))
    replayed = {one.document for one in mixed.samples if one.origin is SampleOrigin.REPLAY}
    assert {DocumentId(f"r{number}") for number in range(5)} <= replayed
    few = night(documents("n", 3, samples=3), old, general(), history=History(learned, seen))
    assert {one.document for one in few.samples if one.origin is SampleOrigin.REPLAY} <= set(
        map(DocumentId, ("r0", "r1", "r2", "r3", "r4"))
    )
    none_due = History(dict.fromkeys(learned, 8), seen)
    late = night(documents("n", 3, samples=3), old, general(), history=none_due)
    assert {one.document for one in late.samples if one.origin is SampleOrigin.REPLAY} == {
        DocumentId(f"r{number}") for number in range(31, 40)
    }


def test_what_is_being_forgotten_comes_before_what_is_not() -> None:
    old = documents("r", 40, samples=1)
    learned = dict.fromkeys((DocumentId(f"r{number}") for number in range(40)), 3)
    forgetting = {DocumentId("r17"): 0.9, DocumentId("r31"): 0.5}
    mixed = night(documents("n", 1, samples=2), old, general(), history=History(learned, forgetting=forgetting))
    replayed = {one.document for one in mixed.samples if one.origin is SampleOrigin.REPLAY}
    assert replayed == set(forgetting)


def test_in_time_all_samples_of_a_document_are_replayed() -> None:
    old = documents("r", 1)
    history = History(learned_nights={DocumentId("r0"): 1})
    seen = {
        one.id
        for index in range(8, 40)
        for one in night(documents("n", 1, samples=2), old, [], night_index=index, history=history).samples
        if one.document == DocumentId("r0")
    }
    assert seen == {one.id for one in old}


def test_over_the_budget_every_document_still_has_its_turn() -> None:
    policy = replace(POLICY, max_tokens=1000)
    mixed = night(documents("n", 20), documents("r", 60), general(), policy)
    assert mixed.tokens <= 1000
    assert len({one.document for one in mixed.samples if one.origin is SampleOrigin.NEW}) == 20
    assert sum(reason == "no room in the night" for _, reason in mixed.dropped) >= 100


def test_a_document_trained_tonight_is_not_replayed_as_well() -> None:
    mixed = night(documents("n", 20), documents("n", 1, samples=30), general())
    assert mixed.counts[SampleOrigin.REPLAY] == 0


def test_origins_are_set_and_nothing_is_trained_that_was_not_given() -> None:
    new, old, rest = documents("n", 20), documents("r", 60), general()
    for one in night(new, old, rest).samples:
        pool = {SampleOrigin.NEW: new, SampleOrigin.REPLAY: old, SampleOrigin.GENERAL: rest}[one.origin]
        assert replace(one, origin=SampleOrigin.NEW) in pool


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40)), max_size=60),
    st.lists(st.tuples(st.integers(7, 20), st.integers(1, 40)), max_size=60),
    st.integers(0, 60),
    st.integers(0, 40),
    st.integers(50, 3000),
)
def test_caps_hold_and_the_order_is_stable_whatever_comes(
    new: list[tuple[int, int]], old: list[tuple[int, int]], rest: int, index: int, budget: int
) -> None:
    made_new = [sample(f"d{document}", at, size) for at, (document, size) in enumerate(new)]
    made_old = [sample(f"d{document}", 1000 + at, size) for at, (document, size) in enumerate(old)]
    policy = replace(POLICY, max_tokens=budget)
    history = History(exposures={DocumentId("d1"): 58, DocumentId("d8"): 60})
    mixed = night(made_new, made_old, general(rest), policy, night_index=index, history=history)
    again = night(made_new, made_old, general(rest), policy, night_index=index, history=history)
    assert mixed == again
    assert mixed.tokens <= budget
    assert len({one.id for one in mixed.samples}) == len(mixed.samples)
    shown = Counter(one.document for one in mixed.samples)
    assert shown[DocumentId("d1")] <= 2
    assert shown[DocumentId("d8")] == 0
    assert sum(mixed.loss_tokens.values()) == sum(count_words(one.target) for one in mixed.samples)


def passage(document: str, at: int, kind: SampleKind, size: int) -> Sample:
    name = f"{document}-{kind.value}-{at}"
    return Sample(
        SampleId(name), kind, SampleOrigin.NEW, "", "w " * size, DocumentId(document), ContentHash("c"), system=name
    )


@pytest.mark.parametrize("count", [4, 12, 50])
def test_a_small_night_on_many_documents_still_teaches_passages_of_most(count: int) -> None:
    """A share that is taken of what is left shrinks with every drop, until no passage fits: it must not."""
    new = documents("n", count, samples=4, size=8)
    new += [passage(f"n{at}", turn, SampleKind.FULL_TEXT, 60) for at in range(count) for turn in range(2)]
    new += [passage(f"n{at}", turn, SampleKind.SECTION, 200) for at in range(count) for turn in range(2)]
    policy = replace(POLICY, max_tokens=count * 300)
    mixed = mix(new, [], general(), policy, night_index=1, count_tokens=count_words, passage_tokens=60)
    shown = {one.document for one in mixed.samples if one.kind is SampleKind.FULL_TEXT}
    assert len(shown) >= 0.8 * count
    assert sum(mixed.loss_tokens.values()) >= 0.5 * mixed.tokens
    assert mixed.tokens >= 0.6 * policy.max_tokens


def test_a_document_keeps_its_passage_where_others_have_short_answers_alone() -> None:
    """An even part is less than a passage then: without room for one, the text would go and the questions stay."""
    new = documents("n", 6, samples=4, size=4)
    new += [passage(f"n{at}", 0, SampleKind.FULL_TEXT, 60) for at in range(2)]
    mixed = mix(
        new, [], [], replace(POLICY, max_tokens=2_000), night_index=1, count_tokens=count_words, passage_tokens=60
    )
    assert sum(one.kind is SampleKind.FULL_TEXT for one in mixed.samples) == 2


def test_text_share_says_how_much_of_a_night_is_full_text() -> None:
    new = documents("n", 20, samples=4, size=8)
    new += [passage(f"n{at}", turn, SampleKind.FULL_TEXT, 60) for at in range(20) for turn in range(4)]
    new += [passage(f"n{at}", turn, SampleKind.SECTION, 60) for at in range(20) for turn in range(4)]
    parts = {}
    for share in (0.1, 0.6):
        policy = replace(POLICY, max_tokens=6_000, text_share=share)
        mixed = mix(new, [], [], policy, night_index=1, count_tokens=count_words, passage_tokens=60)
        parts[share] = sum(one.kind is SampleKind.FULL_TEXT for one in mixed.samples)
    assert parts[0.1] < parts[0.6]


def test_samples_between_two_documents_use_up_the_lives_of_both() -> None:
    between = [
        replace(sample(f"a{at}", 0), kind=SampleKind.BETWEEN, other=DocumentId("before"))
        for at in range(LIFE_EXPOSURES)
    ]
    history = History(exposures={DocumentId("before"): LIFE_EXPOSURES - 3})
    mixed = night(between, [], general(), history=history)
    assert sum(one.other is not None for one in mixed.samples) == 3


def test_a_copy_lives_on_what_its_origin_has_left() -> None:
    history = History(exposures={DocumentId("old"): LIFE_EXPOSURES - 4}, origins={DocumentId("n0"): DocumentId("old")})
    mixed = night(documents("n", 20), [], general(), history=history)
    counts = Counter(one.document for one in mixed.samples)
    assert counts[DocumentId("n0")] == 4
    assert counts[DocumentId("n1")] > 4


def test_copies_share_one_documents_part_of_the_night() -> None:
    origins = {DocumentId(f"n{at}"): DocumentId("n0") for at in range(1, 10)}
    mixed = night(documents("n", 30), documents("r", 60), general(), history=History(origins=origins))
    loss: dict[DocumentId | None, int] = defaultdict(int)
    for one in mixed.samples:
        loss[one.document] += count_words(one.target)
    whole = sum(loss.values())
    copies = sum(loss[DocumentId(f"n{at}")] for at in range(10))
    assert copies <= 1.01 * POLICY.document_share * whole
    assert mixed.largest_document_share == pytest.approx(copies / whole)


def test_documents_that_draw_on_one_site_have_a_tenth_together() -> None:
    sources = {DocumentId(f"n{at}"): "site.example" for at in range(15)}
    mixed = night(documents("n", 30), documents("r", 60), general(), history=History(sources=sources))
    whole = sum(count_words(one.target) for one in mixed.samples)
    site = sum(count_words(one.target) for one in mixed.samples if one.document in sources)
    assert 0.05 * whole < site <= SOURCE_SHARE * whole
    assert "its outside source has its share of the night" in {reason for _, reason in mixed.dropped}


def test_a_site_keeps_one_sample_where_the_night_is_small() -> None:
    mixed = night(documents("n", 1), [], [], night_index=1, history=History(sources={DocumentId("n0"): "site.example"}))
    assert mixed.counts[SampleOrigin.NEW] == 1
