"""What is shown for a question, in figures."""

import math
from dataclasses import replace

import numpy as np
import pytest

from web4_agent.domain.ids import DocumentId
from web4_agent.steps.tuning.figures import FIGURES, compared, measured, values_of
from web4_agent.steps.tuning.questions import Question

A, B, C = (DocumentId(name) for name in "abc")
ASKED = Question("quotes", "what?", A, frozenset({A}))
NOT_RATED = Question("thumbs down", "what?", B, frozenset(), wrong=frozenset({B}))


def told(question: Question, *shown: tuple[DocumentId, int], price: float = 0.01) -> dict[str, float]:
    return dict(zip(FIGURES, values_of(question, shown, overhead=50, price=price), strict=True))


def test_the_right_document_in_the_second_place() -> None:
    found = told(ASKED, (B, 100), (A, 80), (C, 60))
    assert (found["recall"], found["first"], found["mrr"]) == (1, 0, 0.5)
    assert found["noise"] == pytest.approx(2 / 3)
    assert (found["shown"], found["tokens"], found["noise_tokens"]) == (3, 290, 160)
    assert found["worth"] == pytest.approx((1 + 0.5) / 2 - 0.016)


def test_nothing_shown_costs_nothing_and_answers_nothing() -> None:
    assert told(ASKED) == {
        "recall": 0, "first": 0, "mrr": 0, "noise": 0, "shown": 0, "tokens": 0, "noise_tokens": 0, "worth": 0
    }  # fmt: skip


def test_a_question_without_a_right_document_says_nothing_of_recall() -> None:
    found = told(NOT_RATED, (B, 100), (C, 100))
    assert math.isnan(found["recall"])
    assert found["worth"] == pytest.approx(-0.01)
    both = measured([ASKED, NOT_RATED], np.array([values_of(ASKED, [(A, 10)], 0, 0.01), [*found.values()]]))
    assert (both.recall, both.questions, both.documents) == (1, 2, 2)


def test_a_document_with_many_questions_weighs_as_much_as_one_with_one() -> None:
    asked = [ASKED, ASKED, ASKED, replace(ASKED, home=B, right=frozenset({B}))]
    values = np.array([values_of(one, [(B, 10)], 0, 0.0) for one in asked])
    assert measured(asked, values).recall == 0.5


def test_a_comparison_is_paired_by_document() -> None:
    homes = [DocumentId(f"d{at}") for at in range(12)]
    asked = [replace(ASKED, home=home, right=frozenset({home})) for home in homes]
    before = np.array([values_of(one, [(C, 10)], 0, 0.0) for one in asked])
    after = np.array([values_of(one, [(one.home, 10)], 0, 0.0) for one in asked])
    seen: list[list[float]] = []

    def interval(values: list[float]) -> tuple[float, float, float]:
        seen.append(values)
        return values[0], min(values), max(values)

    found = compared(asked, (before, 1.0), (after, 2.0), interval)  # type: ignore[arg-type] # a list is a sequence
    assert found.change("recall").mean == 1
    assert found.change("recall").low < 1  # twelve of twelve are not all there are
    assert found.change("shown").low == 0
    assert {len(values) for values in seen} == {12}
    assert (found.before.ms, found.after.ms) == (1.0, 2.0)
