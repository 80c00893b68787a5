from pathlib import Path

import pytest

from tests.steps.judging.fakes import AnsweringEngine
from web4_agent.domain.errors import SettingsError, UsageError
from web4_agent.domain.verdicts import Canary, Check
from web4_agent.steps.judging.challenges import (
    ChallengeResult,
    by_change,
    compare,
    load_challenges,
    run_challenges,
    sign_test,
)


def results(*scores: float) -> list[ChallengeResult]:
    return [ChallengeResult(f"q{at}", "topic", "prompt", "answer", score, "reason") for at, score in enumerate(scores)]


def test_twenty_challenges_or_more_ship() -> None:
    assert len(load_challenges()) >= 20


def test_every_challenge_can_be_half_right() -> None:
    assert all(len(challenge.checks) >= 2 for challenge in load_challenges())


def test_an_answer_scores_the_share_of_checks_it_holds() -> None:
    challenge = Canary("a", "t", "Why?", (Check("contains_any", ("disk",)), Check("contains_any", ("logs",))))
    told = list[int]()
    (result,) = run_challenges(AnsweringEngine({"Why?": "The disk was full."}), [challenge], told.append)
    assert result.score == 0.5
    assert result.reason == "none of: logs"
    assert (result.prompt, result.answer, told) == ("Why?", "The disk was full.", [1])


def test_a_better_model_passes_the_morning() -> None:
    comparison = compare(results(*[0.2] * 20), results(*[0.6] * 15, *[0.2] * 5))
    assert comparison.passed
    assert (comparison.wins, comparison.losses, comparison.ties, comparison.rate) == (15, 0, 5, 1.0)
    assert comparison.mean_today > comparison.mean_yesterday
    assert "15 improved" in comparison.sentence


def test_an_equal_model_passes_because_every_query_held() -> None:
    comparison = compare(results(0.5, 1.0), results(0.5, 1.0))
    assert (comparison.passed, comparison.rate, comparison.p_worse) == (True, 1.0, 1.0)


def test_losses_on_more_than_a_fifth_of_the_queries_fail_the_morning() -> None:
    comparison = compare(results(*[1.0] * 10, *[0.0] * 10), results(*[0.5] * 5, *[1.0] * 15))
    assert comparison.rate == 0.75
    assert not comparison.passed


def test_losses_alone_fail_the_morning_when_chance_does_not_explain_them() -> None:
    comparison = compare(results(*[1.0] * 25), results(*[0.5] * 5, *[1.0] * 20))
    assert comparison.rate == 0.8
    assert comparison.p_worse == pytest.approx(1 / 32)
    assert not comparison.passed


def test_the_difference_of_the_scores_has_students_interval_reckoned_by_hand() -> None:
    """Changes 0.5, 0, 0, -0.25: mean 0.0625, sd 0.314576, t(0.975, 3) = 3.18245, so 0.0625 ± 0.500567."""
    found = compare(results(0.0, 0.5, 1.0, 0.5), results(0.5, 0.5, 1.0, 0.25)).difference
    assert found is not None
    assert (found.count, found.mean, found.confidence) == (4, 0.0625, 0.95)
    assert found.low == pytest.approx(-0.438067, abs=1e-5)
    assert found.high == pytest.approx(0.563067, abs=1e-5)


def test_what_changed_most_stands_first_and_what_did_not_change_last() -> None:
    before = [
        ChallengeResult(name, "t", "p", f"was {name}", 0.5, "") for name in ("same", "words", "up", "down", "far")
    ]
    after = [
        before[0],
        *(
            ChallengeResult(name, "t", "p", f"is {name}", score, "")
            for name, score in (("words", 0.5), ("up", 1.0), ("down", 0.25), ("far", 0.0))
        ),
    ]
    assert [pair[1].id for pair in by_change(compare(before, after).pairs)] == ["far", "down", "up", "words", "same"]


def test_no_queries_are_no_pass() -> None:
    comparison = compare([], [])
    assert comparison.difference is None
    assert not comparison.passed
    assert "no data is not a pass" in comparison.sentence


def test_answers_to_different_queries_are_not_compared() -> None:
    with pytest.raises(UsageError, match="different queries"):
        compare(results(1.0), results(1.0, 1.0))


@pytest.mark.parametrize(("losses", "wins", "p"), [(0, 0, 1.0), (0, 5, 1.0), (1, 1, 0.75), (5, 0, 1 / 32)])
def test_the_sign_test_is_the_binomial_tail(losses: int, wins: int, p: float) -> None:
    assert sign_test(losses, wins) == pytest.approx(p)


def test_a_teams_own_challenge_may_not_reuse_an_id(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[challenge]]\nid = "challenge-python"\ntopic = "t"\nprompt = "p"\nchecks = [["not_empty"]]\n',
        encoding="utf-8",
    )
    with pytest.raises(SettingsError, match="'challenge-python' is used twice"):
        load_challenges(own)
