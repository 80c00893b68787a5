"""The quality score of some queries, between 0 and 1, from the roll-up and the thumbs. Pure; called by `figures.py`.

    score = answered * (1 * speed + u * found + 2 v * liked) / (1 + u + 2 v)

Of a query that ended in an error nothing is good: `answered` multiplies. Of an answer three things are known, and each
counts as far as it is known: its speed always, what was found for it where something was looked up (u, the share of
such queries), and what people thought of it (v = n / (n + 10) of n thumbs: with few of them the rest of the score
stands in). Thumbs weigh twice: nobody else read the answer. What it doesn't see stands in docs/reports.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from web4_agent.domain.queries import Route
from web4_agent.records.query_hours import Totals, bucket_ms, together
from web4_agent.steps.proportions import Share

LATENCY_TARGETS_MS = {
    Route.TRAINED: 2_000.0,
    Route.TOOLS: 2_150.0,
    Route.HISTORY: 2_300.0,
    Route.BUFFER: 2_300.0,
    Route.BOTH: 2_450.0,
}
"""The specification's: the model alone, 150 ms more for tools, 300 ms more for history, both for both."""
LIKED_WEIGHT = 2.0
"""Against 1 for speed and for what was found."""
THUMBS_HALF = 10
"""So many thumbs count for half of what very many would."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The score and what it is made of, each between 0 and 1; `found` and `liked` are None where there is nothing to
    know them by, and then count for nothing. `speed` is the mean of min(1, target of the route / latency)."""

    score: float
    answered: float
    speed: float
    found: float | None
    liked: float | None


def quality_of(
    totals: Mapping[Route, Totals], latencies: Mapping[Route, Mapping[int, int]], thumbs: Share
) -> Quality | None:
    """The quality of the queries in these sums; None where none was answered and none failed.

    `latencies` counts answered queries by bucket, so that the time it takes does not grow with the number of queries. A
    query whose client left counts as neither answer nor error.
    """
    whole = together(totals.values())
    ended = whole.queries - whole.cancelled
    if not ended:
        return None
    answered = whole.answered / ended
    speed = _speed(latencies)
    found = whole.retrieval_hits / whole.retrievals if whole.retrievals else None
    liked = thumbs.value if thumbs.whole else None
    looked_up = whole.retrievals / whole.queries
    known = LIKED_WEIGHT * thumbs.whole / (thumbs.whole + THUMBS_HALF)
    parts = speed + looked_up * (found or 0.0) + known * (liked or 0.0)
    return Quality(answered * parts / (1.0 + looked_up + known), answered, speed, found, liked)


def _speed(latencies: Mapping[Route, Mapping[int, int]]) -> float:
    """Twice too slow is half as good; 0 where nothing was answered."""
    total = reached = 0.0
    for route, buckets in latencies.items():
        target_ms = LATENCY_TARGETS_MS[route]
        total += sum(buckets.values())
        reached += sum(count * min(1.0, target_ms / bucket_ms(bucket)) for bucket, count in buckets.items())
    return reached / total if total else 0.0
