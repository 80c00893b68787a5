"""The search for a policy."""

from collections.abc import Callable
from itertools import count

import numpy as np

from web4_agent.domain.retrieval import RetrievalPolicy, wrong_in
from web4_agent.steps.tuning.choose import STEP, Worths, choose, groups

START = RetrievalPolicy()


def alike(worth: Callable[[RetrievalPolicy], float]) -> Worths:
    """The same on each of twenty documents."""
    return lambda policy: np.full(20, worth(policy))


def hill(policy: RetrievalPolicy) -> float:
    """Best at five documents, words of sections at half, those of documents at double, a threshold of 0.25."""
    far = abs(policy.results - 5) + abs(policy.section_words - 0.5) + abs(policy.document_words - 2.0)
    return -far - abs(policy.similarity - 0.25) - len(policy.left_out)


def test_the_top_of_a_hill_is_found() -> None:
    found = choose(START, alike(hill))
    wanted = RetrievalPolicy(results=5, similarity=0.25, section_words=0.5, document_words=2.0)
    assert found.policy == wanted
    assert found.whole
    assert found.tried < 600


def test_a_ridge_of_figures_that_work_on_each_other_is_climbed() -> None:
    def ridge(policy: RetrievalPolicy) -> float:
        return 1.0 if (policy.results, policy.share) == (8, 0.6) else 0.0

    assert choose(START, alike(ridge)).policy.results == 8


def test_of_equals_the_one_in_force_stays() -> None:
    assert choose(START, alike(lambda policy: 0.5)).policy == START
    assert choose(START, alike(lambda policy: 0.5 + STEP * (policy.results == 4) / 2)).policy == START


def test_a_gain_within_its_standard_error_is_not_taken_and_the_surest_is() -> None:
    noise = np.linspace(-1, 1, 20)

    def worths(policy: RetrievalPolicy) -> np.ndarray:
        if policy.results == 8:
            return np.full(20, 0.5) + noise + 0.1  # the highest mean, and mere luck
        return np.full(20, 0.52 if policy.results == 4 else 0.5)

    assert choose(START, worths).policy.results == 4


def test_it_stops_when_the_time_is_over_with_the_best_so_far() -> None:
    looks = count()
    found = choose(START, alike(hill), lambda: next(looks) < 20)
    assert not found.whole
    assert found.tried == 21
    assert hill(found.policy) >= hill(START)


def test_every_policy_that_is_tried_can_be() -> None:
    assert [wrong_in(policy) for group in groups(START) for policy in group if wrong_in(policy)] == []


def test_it_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    tell: Callable[[int, int], None] = lambda done, total: told.append((done, total))  # noqa: E731 - typed by its name
    choose(START, alike(hill), told=tell)
    assert all(done <= total for done, total in told)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
