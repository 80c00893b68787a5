import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.steps.judging.fakes import text_score
from web4_agent.domain.errors import EngineError
from web4_agent.domain.speech import Message, TextScore, TokenScore
from web4_agent.steps.judging.texts import (
    kl_from_scores,
    load_general_samples,
    load_general_texts,
    load_neutral_prompts,
    load_parity_texts,
    neutral_requests,
    parity_change,
    parity_from_scores,
    parity_requests,
)


def place(probabilities: list[float], top: int, token: int = 0) -> TextScore:
    """One place whose `top` likeliest tokens are reported."""
    ranked = sorted(enumerate(probabilities), key=lambda pair: -pair[1])[:top]
    alternatives = tuple((token, math.log(probability)) for token, probability in ranked)
    return TextScore((TokenScore(token, math.log(probabilities[token]), alternatives),), text_bytes=4)


def true_divergence(ours: list[float], theirs: list[float]) -> float:
    return sum(p * math.log(p / q) for p, q in zip(ours, theirs, strict=True))


def normalised(weights: list[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


DISTRIBUTION = st.lists(st.floats(0.01, 1.0), min_size=8, max_size=8).map(normalised)


def test_equal_models_do_not_diverge() -> None:
    score = place([0.5, 0.3, 0.2], top=2)
    assert kl_from_scores([score], [score]) == 0.0


def test_with_every_token_reported_the_divergence_is_exact() -> None:
    ours, theirs = [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]
    measured = kl_from_scores([place(ours, 3)], [place(theirs, 3)])
    assert measured == pytest.approx(true_divergence(ours, theirs), abs=1e-6)


@given(ours=DISTRIBUTION, theirs=DISTRIBUTION, top=st.integers(0, 8))
def test_the_estimate_is_a_lower_bound(ours: list[float], theirs: list[float], top: int) -> None:
    measured = kl_from_scores([place(ours, top)], [place(theirs, top)])
    assert 0.0 <= measured <= true_divergence(ours, theirs) + 1e-6


def test_the_mean_is_taken_over_tokens_of_all_texts() -> None:
    same, ours, theirs = place([0.5, 0.5], 2), place([0.9, 0.1], 2), place([0.1, 0.9], 2)
    alone = kl_from_scores([ours], [theirs])
    assert kl_from_scores([ours, same], [theirs, same]) == pytest.approx(alone / 2)


@pytest.mark.parametrize(
    ("candidate", "golden"),
    [
        ([], []),
        ([text_score(-1.0)], []),
        ([text_score(-1.0)], [text_score(-1.0, -1.0)]),
        ([place([0.5, 0.5], 2, token=0)], [place([0.5, 0.5], 2, token=1)]),
    ],
)
def test_scores_of_different_texts_or_none_are_refused(candidate: list[TextScore], golden: list[TextScore]) -> None:
    with pytest.raises(EngineError):
        kl_from_scores(candidate, golden)


def test_neutral_prompts_are_scored_with_alternatives_after_the_users_turn() -> None:
    prompts = load_neutral_prompts()
    first = neutral_requests(prompts, top=20)[0]
    assert (first.messages, first.text, first.top) == (
        (Message("user", prompts[0].prompt),),
        prompts[0].continuation,
        20,
    )


def test_parity_is_taken_token_by_token_of_texts_standing_alone() -> None:
    texts = load_parity_texts()
    assert all(request.messages == () for request in parity_requests(texts))
    parity = parity_from_scores(texts, [text_score(-1.0, -2.0)] * len(texts))
    assert parity[:3] == (("parity-prose#0", -1.0), ("parity-prose#1", -2.0), ("parity-journal#0", -1.0))


def test_the_trainers_change_is_candidate_minus_production() -> None:
    assert parity_change((("a", -1.0), ("b", -2.0)), (("a", -1.5), ("b", -2.0))) == {"a": 0.5, "b": 0.0}


def test_enough_of_each_kind_ships() -> None:
    assert len(load_neutral_prompts()) >= 12
    assert len(load_parity_texts()) == 4
    assert len(load_general_texts()) >= 6
    assert len(load_general_samples()) >= 120
    assert {text.group for text in load_general_texts()} == {"general"}


def test_texts_have_the_length_their_files_say() -> None:
    assert all(15 <= len(prompt.continuation.split()) <= 32 for prompt in load_neutral_prompts())
    assert all(25 <= len(fixed.text.split()) <= 75 for fixed in load_parity_texts())
    assert all(400 <= len(fixed.text) <= 1100 for fixed in load_general_texts())
