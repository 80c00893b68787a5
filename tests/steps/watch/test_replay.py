"""The replay's rule: what turns a verdict, and how often chance does."""

import random

import pytest

from web4_agent.domain.queries import Flaw
from web4_agent.steps.watch.replay import Pair, ReplayPolicy, Said, judge, pair, sign_test, timed_at_best

POLICY = ReplayPolicy()
GOOD = Said("The limit is 128.", "stop", 6, 0.1)
LOOPS = Said("I am sorry. I am very sorry. " * 20, "length", 192, 3.0)
FAILED = Said("", "", 0, 0.0, failed=True)


def drawn(draw: random.Random, rate: float) -> Flaw:
    return Flaw.LOOPING if draw.random() < rate else Flaw.NONE


def pairs(*said: tuple[Said, Said]) -> list[Pair]:
    return [pair(f"w4-{number}", before, after) for number, (before, after) in enumerate(said)]


def test_equal_answers_pass() -> None:
    outcome = judge(pairs(*[(GOOD, GOOD)] * 20), POLICY)
    assert outcome.passed
    assert "20 real questions" in outcome.sentence


def test_a_candidate_that_loops_where_production_does_not_is_rejected_and_told_why() -> None:
    outcome = judge(pairs(*[(GOOD, LOOPS)] * 8, *[(GOOD, GOOD)] * 12), POLICY)
    assert not outcome.passed
    assert "8 of 20 answers are flawed" in outcome.sentence
    assert "8 looping" in outcome.sentence


def test_as_many_flaws_that_went_as_came_are_chance() -> None:
    assert judge(pairs(*[(GOOD, LOOPS)] * 6, *[(LOOPS, GOOD)] * 5, *[(GOOD, GOOD)] * 9), POLICY).passed


def test_a_breakdown_is_seen_in_three_questions() -> None:
    assert not judge(pairs(*[(GOOD, Said("", "stop", 1, 0.1))] * 3), POLICY).passed
    assert judge(pairs(*[(GOOD, Said("", "stop", 1, 0.1))] * 2), POLICY).passed
    assert judge(pairs(*[(LOOPS, LOOPS)] * 20), POLICY).passed


def test_an_engine_that_fails_on_two_questions_which_production_answers_is_enough() -> None:
    outcome = judge(pairs((GOOD, FAILED), (GOOD, FAILED), *[(GOOD, GOOD)] * 18), POLICY)
    assert not outcome.passed
    assert "fails on 2 of 20" in outcome.sentence
    assert judge(pairs((FAILED, FAILED), (FAILED, FAILED), *[(GOOD, GOOD)] * 18), POLICY).passed


def test_json_is_a_broken_form_only_where_the_other_answered_with_it() -> None:
    whole, cut = Said('{"limit": 128}', "stop", 6, 0.1), Said('{"limit": 128', "stop", 5, 0.1)
    assert (pair("w4-1", whole, cut).after, pair("w4-1", GOOD, cut).after) == (Flaw.FORMAT, Flaw.NONE)
    assert pair("w4-1", cut, whole).before is Flaw.FORMAT


def test_answers_that_no_longer_come_to_an_end_are_rejected() -> None:
    rambles = Said(" ".join(f"word{number}" for number in range(192)), "length", 192, 3.2)
    outcome = judge(pairs(*[(GOOD, rambles)] * 9, *[(GOOD, GOOD)] * 11), POLICY)
    assert not outcome.passed
    assert "do not come to an end" in outcome.sentence


def test_a_token_that_takes_four_times_as_long_is_rejected_and_twice_is_not() -> None:
    slow = [(GOOD, Said(GOOD.text, "stop", 6, 0.1 * factor)) for factor in (4, 2)]
    assert not judge(pairs(*[slow[0]] * 20), POLICY).passed
    assert judge(pairs(*[slow[1]] * 20), POLICY).passed


def test_the_shorter_time_a_token_counts_and_a_failed_look_does_not() -> None:
    first, again = Said("a", "stop", 4, 4.0), Said("a b", "stop", 8, 2.0)
    assert timed_at_best([first], [again]) == [Said("a", "stop", 4, 1.0)]
    assert timed_at_best([again], [first]) == [again]
    failed = Said("", "", 0, 0.0, failed=True)
    assert timed_at_best([first, failed], [failed, again]) == [first, failed]


def test_a_candidate_that_takes_a_millisecond_a_token_is_fast_however_fast_production_is() -> None:
    before = Said(GOOD.text, "stop", 10, 0.0001)
    assert judge(pairs(*[(before, Said(GOOD.text, "stop", 10, 0.009))] * 20), POLICY).passed
    assert not judge(pairs(*[(before, Said(GOOD.text, "stop", 10, 0.011))] * 20), POLICY).passed


def test_the_sign_test_is_exact() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(7, 0) == pytest.approx(1 / 128)
    assert sign_test(8, 1) == pytest.approx(10 / 512)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.6])
def test_harmless_candidates_are_rejected_in_fewer_nights_than_alpha_says(rate: float) -> None:
    """Production and candidate flawed at the same rate, independently: a model as poor as one likes, not worse."""
    draw, nights = random.Random(2), 2_000
    rejected = 0
    for _ in range(nights):
        seen = [
            Pair("w4", drawn(draw, rate), drawn(draw, rate), blown_before=False, blown_after=False, slower=1.0)
            for _ in range(POLICY.prompts)
        ]
        rejected += not judge(seen, POLICY).passed
    assert rejected / nights <= POLICY.alpha
