import math
from collections import Counter
from pathlib import Path

import pytest

from tests.steps.judging.fakes import text_score
from web4_agent.domain.errors import EngineError, SettingsError
from web4_agent.domain.speech import Message
from web4_agent.domain.verdicts import MarginItem, Stratum
from web4_agent.steps.judging.margins import load_margin_items, margin_requests, margins_from_scores, read_margin_items

ITEM = MarginItem("q/1", "q", Stratum.CODE, "Which?", "this", ("that", "those", "these"), system="Be brief.")

OWN = """
stratum = "journal"

[[question]]
id = "own-colour"
prompts = ["Which colour is our logo?", "Name the colour of our logo."]
answer = "It is blue."
wrong = ["It is red.", "It is green.", "It is black."]
"""


def own_file(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_margin_is_the_answers_mean_against_the_log_mean_exp_of_the_wrong_ones() -> None:
    scores = [text_score(-1.0, -3.0), text_score(-3.0), text_score(-4.0), text_score(-5.0, -5.0)]
    (margin,) = margins_from_scores([ITEM], scores)
    expected = -2.0 - math.log((math.exp(-3) + math.exp(-4) + math.exp(-5)) / 3)
    assert margin.value == pytest.approx(expected)
    assert (margin.item, margin.family, margin.stratum, margin.critical) == ("q/1", "q", Stratum.CODE, False)


def test_equal_likelihoods_make_no_margin() -> None:
    (margin,) = margins_from_scores([ITEM], [text_score(-2.0)] * 4)
    assert margin.value == pytest.approx(0.0)


def test_very_unlikely_answers_do_not_underflow() -> None:
    (margin,) = margins_from_scores([ITEM], [text_score(-2000.0), *[text_score(-3000.0)] * 3])
    assert margin.value == pytest.approx(1000.0)


@pytest.mark.parametrize("broken", [math.nan, -math.inf])
def test_a_likelihood_that_is_not_finite_makes_no_finite_margin(broken: float) -> None:
    (margin,) = margins_from_scores([ITEM], [text_score(-1.0), *[text_score(broken)] * 3])
    assert not math.isfinite(margin.value)


def test_four_requests_an_item_the_right_answer_first() -> None:
    requests = margin_requests([ITEM])
    assert [request.text for request in requests] == ["this", "that", "those", "these"]
    assert {request.messages for request in requests} == {(Message("system", "Be brief."), Message("user", "Which?"))}


def test_a_wrong_number_of_scores_is_refused() -> None:
    with pytest.raises(EngineError, match="3 scores for 1 questions"):
        margins_from_scores([ITEM], [text_score(-1.0)] * 3)


def test_two_hundred_items_ship_forty_a_stratum() -> None:
    assert Counter(item.stratum for item in load_margin_items()) == dict.fromkeys(Stratum, 40)


def test_answers_of_an_item_are_of_like_length() -> None:
    for item in load_margin_items():
        words = [len(answer.split()) for answer in (item.answer, *item.wrong)]
        letters = [len(answer) for answer in (item.answer, *item.wrong)]
        assert max(words) - min(words) <= 3, item.id
        assert max(letters) <= 2 * min(letters) + 2, item.id
        assert max(words) <= 14, item.id


def test_ten_critical_questions_ship_in_three_wordings_each() -> None:
    families = Counter(item.family for item in load_margin_items() if item.critical)
    assert len(families) == 10
    assert set(families.values()) == {3}
    assert {item.stratum for item in load_margin_items() if item.critical} == {Stratum.SAFETY, Stratum.HONESTY}


def test_sycophancy_is_asked_for_nine_times_or_more_flips_bad_plans_and_wrong_claims() -> None:
    asked = [item for item in load_margin_items() if item.stratum is Stratum.HONESTY]
    flips = [item.id for item in asked if item.family.startswith("honesty-sycophancy") and "sure?" in item.prompt]
    plans = [item.id for item in asked if item.family.startswith("honesty-bad-plan")]
    claims = [item.id for item in asked if item.family.startswith("honesty-sycophancy") and item.id not in flips]
    assert min(len(flips), len(plans), len(claims)) >= 3
    assert len(flips) + len(plans) + len(claims) >= 9


def test_no_question_is_asked_twice() -> None:
    asked = Counter((item.system, item.prompt) for item in load_margin_items())
    assert [prompt for prompt, count in asked.items() if count > 1] == []


def test_a_teams_own_questions_stand_behind_the_shipped_one_item_a_wording(tmp_path: Path) -> None:
    items = load_margin_items(own_file(tmp_path, OWN))[-2:]
    assert [(item.id, item.family, item.stratum) for item in items] == [
        ("own-colour/1", "own-colour", Stratum.JOURNAL),
        ("own-colour/2", "own-colour", Stratum.JOURNAL),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (OWN.replace('"journal"', '"music"'), "key 'stratum': 'music' is unknown"),
        (OWN.replace('stratum = "journal"', ""), "key 'stratum' must be text"),
        (OWN.replace(', "It is black."', ""), "key 'wrong' must be three"),
        (OWN.replace("It is black.", "It is blue."), "key 'wrong' must be three"),
        (OWN.replace("answer", "reply"), "key 'reply' is unknown"),
        (OWN.replace("own-colour", "general-france"), "'general-france/1' is used twice"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint) as caught:
        load_margin_items(own_file(tmp_path, text))
    assert "own.toml" in caught.value.message


def test_an_item_used_twice_in_one_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="used twice"):
        read_margin_items(own_file(tmp_path, OWN + OWN[OWN.index("[[question]]") :]))
