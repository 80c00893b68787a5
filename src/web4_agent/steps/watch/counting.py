"""Answers to counts: which signs a query counts for, which it shows, and from when on an answer is slow.

Called by probation with rows of the query log. What the model can't cause counts for nothing: a client that left, a
queue that was full, an engine that died.
"""

import math
from collections.abc import Iterable, Sequence

from web4_agent.domain.probation import Answered, Count, Counts, ProbationPolicy, Sign, SlowLimits
from web4_agent.domain.queries import Flaw, Status

FEWEST_TOKENS = 8
"""Below it the time of an answer says little about the time of a token."""
FEWEST_TIMES = 40
"""With fewer times nobody knows where their highest twentieth begins."""
_USUAL_SHARE = 0.95
_TEXT_SIGNS = {Sign.EMPTY: Flaw.EMPTY, Sign.LOOPING: Flaw.LOOPING, Sign.FORMAT: Flaw.FORMAT}


def count(rows: Iterable[Answered], slow: SlowLimits) -> Counts:
    """Events and trials of every sign but thumbs."""
    events, trials = dict.fromkeys(Sign, 0), dict.fromkeys(Sign, 0)
    for row in rows:
        if row.flaw is Flaw.ERROR:
            events[Sign.ERROR] += 1
            trials[Sign.ERROR] += 1
        if row.status is not Status.OK:
            continue
        if row.flaw is not Flaw.UNKNOWN:
            trials[Sign.ERROR] += 1
            for sign, flaw in _TEXT_SIGNS.items():
                trials[sign] += 1
                events[sign] += row.flaw is flaw
        longest_s = slow.stream_s if row.stream else slow.whole_s
        taken_s = token_seconds(row)
        if longest_s and taken_s is not None:
            trials[Sign.SLOW] += 1
            events[Sign.SLOW] += taken_s > longest_s
    return {sign: Count(events[sign], trials[sign]) for sign in Sign if sign is not Sign.THUMBS}


def token_seconds(row: Answered) -> float | None:
    """Seconds per token written; None where too few were. A stream's are counted from its first token on."""
    if row.status is not Status.OK or row.tokens_out < FEWEST_TOKENS:
        return None
    if row.stream:
        return (row.latency_ms - row.first_token_ms) / 1000 / (row.tokens_out - 1)
    return (row.latency_ms - row.retrieval_ms) / 1000 / row.tokens_out


def slow_limits(rows: Sequence[Answered], policy: ProbationPolicy) -> SlowLimits:
    """From the answers before the promotion: what 95 % of them kept, times the policy's factor."""
    limits = []
    for stream in (True, False):
        times = sorted(taken for row in rows if row.stream is stream and (taken := token_seconds(row)) is not None)
        usual_s = times[math.ceil(_USUAL_SHARE * len(times)) - 1] if len(times) >= FEWEST_TIMES else 0.0
        limits.append(policy.slow_factor * usual_s)
    return SlowLimits(*limits)


def together(first: Counts, second: Counts) -> Counts:
    """The sum of two counts."""
    sums = {}
    for sign in {*first, *second}:
        one, other = first.get(sign, Count()), second.get(sign, Count())
        sums[sign] = Count(one.events + other.events, one.trials + other.trials)
    return sums
