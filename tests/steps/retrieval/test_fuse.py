import pytest

from web4_agent.steps.retrieval.fuse import fuse


def test_what_two_searches_find_stands_above_what_one_finds_first() -> None:
    assert list(fuse([["a", "both"], ["b", "both"]])) == ["both", "a", "b"]


def test_the_score_is_the_sum_of_reciprocal_ranks() -> None:
    assert fuse([["a", "b"], ["b"]], rank_offset=60) == {"b": 1 / 61 + 1 / 62, "a": 1 / 61}


def test_equal_scores_stay_in_the_order_in_which_they_are_named() -> None:
    assert list(fuse([["x", "y"], ["z", "w"]])) == ["x", "z", "y", "w"]


def test_one_ranking_keeps_its_order() -> None:
    assert list(fuse([["c", "a", "b"]])) == ["c", "a", "b"]


@pytest.mark.parametrize("rankings", [[], [[]], [[], []]])
def test_nothing_fuses_to_nothing(rankings: list[list[str]]) -> None:
    assert fuse(rankings) == {}
