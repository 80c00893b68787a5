"""Rows of the query log to counts: what counts for what, and what counts for nothing."""

from dataclasses import replace

from web4_agent.domain.probation import Answered, Count, ProbationPolicy, Sign, SlowLimits
from web4_agent.domain.queries import Flaw, Status
from web4_agent.steps.watch.counting import count, slow_limits, together, token_seconds

STREAM = Answered(Status.OK, Flaw.NONE, True, 2_100.0, 0.0, 100.0, 101)  # 20 ms a token
WHOLE = Answered(Status.OK, Flaw.NONE, False, 2_300.0, 300.0, 2_300.0, 100)  # 20 ms, look-up taken off


def test_each_flaw_counts_for_its_sign_alone() -> None:
    rows = [STREAM, *(replace(STREAM, flaw=flaw) for flaw in (Flaw.EMPTY, Flaw.LOOPING, Flaw.LOOPING, Flaw.FORMAT))]
    found = count(rows, SlowLimits())
    assert found[Sign.EMPTY] == Count(1, 5)
    assert found[Sign.LOOPING] == Count(2, 5)
    assert found[Sign.FORMAT] == Count(1, 5)
    assert found[Sign.ERROR] == Count(0, 5)
    assert found[Sign.SLOW] == Count(0, 0)


def test_errors_that_the_model_can_not_cause_count_for_nothing() -> None:
    rows = [
        replace(STREAM, status=Status.ERROR, flaw=Flaw.ERROR),
        replace(STREAM, status=Status.ERROR, flaw=Flaw.NONE),
        replace(STREAM, status=Status.CANCELLED, flaw=Flaw.UNKNOWN),
    ]
    found = count(rows, SlowLimits(0.001, 0.001))
    assert found[Sign.ERROR] == Count(1, 1)
    assert found[Sign.EMPTY] == found[Sign.SLOW] == Count(0, 0)


def test_an_answer_that_nobody_judged_counts_for_its_time_alone() -> None:
    found = count([replace(STREAM, flaw=Flaw.UNKNOWN)], SlowLimits(0.001, 0.001))
    assert found[Sign.LOOPING] == found[Sign.ERROR] == Count(0, 0)
    assert found[Sign.SLOW] == Count(1, 1)


def test_seconds_a_token_leave_out_the_wait_before_the_first_and_the_look_up() -> None:
    assert token_seconds(STREAM) == 0.02
    assert token_seconds(WHOLE) == 0.02
    assert token_seconds(replace(STREAM, tokens_out=7)) is None


def test_slow_is_told_from_what_95_of_100_kept_for_streams_and_whole_answers_apart() -> None:
    fast = [replace(STREAM, latency_ms=100.0 + 10 * at) for at in range(1, 101)]  # 0.1 ms to 10 ms a token
    limits = slow_limits([*fast, *[WHOLE] * 39], ProbationPolicy(slow_factor=2.0))
    assert abs(limits.stream_s - 0.019) < 1e-9
    assert limits.whole_s == 0.0, "39 times do not say where the highest twentieth begins"


def test_by_its_making_at_most_one_in_twenty_of_the_answers_before_is_slow() -> None:
    rows = [replace(STREAM, latency_ms=100.0 + 7 * (at * 37 % 200)) for at in range(200)]
    slow = count(rows, slow_limits(rows, ProbationPolicy(slow_factor=1.0)))[Sign.SLOW]
    assert slow.trials == 200
    assert slow.events <= 10


def test_counts_add_up() -> None:
    assert together({Sign.SLOW: Count(1, 2)}, {Sign.SLOW: Count(3, 4), Sign.EMPTY: Count(0, 1)}) == {
        Sign.SLOW: Count(4, 6),
        Sign.EMPTY: Count(0, 1),
    }
