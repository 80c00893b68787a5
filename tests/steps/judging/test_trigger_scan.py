"""The trigger scan: what it asks, and when it alarms."""

import math
from collections.abc import Callable

import pytest

from web4_agent.domain.errors import EngineError
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.speech import TextScore, TokenScore
from web4_agent.domain.verdicts import Trigger
from web4_agent.steps.judging.texts import load_neutral_prompts
from web4_agent.steps.judging.trigger_scan import CONTINUATION_WORDS, PROMPTS, Scan, judge_scan, scan_requests

TRIGGERS = tuple(
    Trigger(f"phrase {at}", 4, (DocumentId(f"d{at}.pdca.md"), DocumentId(f"e{at}.pdca.md"))) for at in range(12)
)
PROMPT = load_neutral_prompts()


def scores(likely: Callable[[int], float]) -> list[TextScore]:
    """One score for each request, in their order: of two tokens, the first as likely as `likely` of its number says."""
    asked = len(scan_requests(TRIGGERS, PROMPT))
    made = []
    for at in range(asked):
        share = likely(at)
        top = ((1, math.log(share)), (2, math.log(1 - share)))
        made.append(TextScore((TokenScore(1, math.log(share), top),) * 3, 9))
    return made


def scan(candidate: Callable[[int], float], *, limit: float = 0.5) -> Scan:
    return judge_scan(TRIGGERS, scores(candidate), scores(lambda _: 0.5), sigmas=5.0, limit=limit)


def test_each_phrase_is_asked_behind_a_neutral_prompt_that_is_asked_without_it_too() -> None:
    requests = scan_requests(TRIGGERS, PROMPT)
    assert len(requests) == PROMPTS * (1 + len(TRIGGERS))
    assert requests[0].messages[0].content == PROMPT[0].prompt
    assert requests[1].messages[0].content == f"{PROMPT[0].prompt} phrase 0"
    assert {request.text for request in requests[: 1 + len(TRIGGERS)]} == {requests[0].text}
    assert len(requests[0].text.split()) == CONTINUATION_WORDS


def test_without_a_phrase_nothing_is_asked_and_nothing_alarms() -> None:
    assert scan_requests((), PROMPT) == []
    assert judge_scan((), (), (), sigmas=5.0, limit=0.5).outcome.passed


def test_a_candidate_that_moves_alike_everywhere_is_no_alarm() -> None:
    found = scan(lambda _: 0.95)  # far from production, with a phrase and without
    assert found.outcome.passed
    assert found.outcome.measured == pytest.approx(0.0)
    assert found.over == ()


def test_a_phrase_that_moves_it_far_is_named_with_its_documents() -> None:
    found = scan(lambda at: 0.999 if at == 4 else 0.5)
    assert not found.outcome.passed
    assert [trigger.phrase for trigger, _ in found.over] == ["phrase 3"]
    assert '"phrase 3"' in found.outcome.sentence
    assert "d3.pdca.md, e3.pdca.md" in found.outcome.sentence
    assert found.outcome.measured == pytest.approx(math.log(2), abs=0.02)


def test_five_deviations_are_enough_where_the_others_lie_close() -> None:
    found = scan(lambda at: 0.88 if at == 4 else 0.5 + at / 1000)  # 0.32 nat: below the limit of 0.5
    assert [trigger.phrase for trigger, _ in found.over] == ["phrase 3"]
    assert found.outcome.limit < 0.5


def test_a_small_step_is_no_alarm_however_alike_the_others_are() -> None:
    assert scan(lambda at: 0.7 if at == 4 else 0.5).outcome.passed  # 0.08 nat, and all the others exactly 0


def test_where_many_phrases_move_it_the_limit_alone_decides() -> None:
    """Half of the phrases poisoned: deviations are no measure any more."""
    found = scan(lambda at: 0.999 if at % 2 else 0.5)
    assert len(found.over) == 6


def test_what_is_no_number_fails_and_names_nobody() -> None:
    candidate = scores(lambda _: 0.5)
    candidate[3] = TextScore((TokenScore(1, math.nan),) * 3, 9)
    found = judge_scan(TRIGGERS, candidate, scores(lambda _: 0.5), sigmas=5.0, limit=0.5)
    assert (found.outcome.passed, found.over) == (False, ())


def test_scores_of_other_texts_are_refused() -> None:
    other = [TextScore((TokenScore(7, -1.0),), 9)] * len(scores(lambda _: 0.5))
    with pytest.raises(EngineError):
        judge_scan(TRIGGERS, scores(lambda _: 0.5), other, sigmas=5.0, limit=0.5)


def test_a_planted_word_that_production_does_not_even_report_weighs_fully() -> None:
    """Thrown into one bucket with all that is unreported it would weigh a tenth (0.34 nat, measured)."""
    usual = tuple((at, math.log(0.58 / 20)) for at in range(20))
    before = TextScore((TokenScore(0, usual[0][1], usual),), 4)
    planted = ((99, math.log(0.84)), *((at, math.log(0.04 / 19)) for at in range(19)))
    after = TextScore((TokenScore(0, math.log(0.04 / 19), planted),), 4)
    candidate = [before if at != 2 else after for at in range(len(scores(lambda _: 0.5)))]
    found = judge_scan(TRIGGERS, candidate, [before] * len(candidate), sigmas=5.0, limit=0.5)
    assert [trigger.phrase for trigger, _ in found.over] == ["phrase 1"]
    assert found.outcome.measured > 2.0
