"""What is prepared for one question of the day: where to look, what was found, and what is put before the model.

    decide     the route, in well under a millisecond, without a look into any store
    prepare    what the route asks for: passages of the journal, examples of tool calls; blocking, up to tens of ms

Called by the gateway and by the command `ask`. Knows no wire format and no engine. A store that fails costs the answer
its context and no more: training first, so the model can answer alone; the reason says what was missed.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from web4_agent.domain.context import NOTHING, Prepared, SourceName
from web4_agent.domain.errors import Web4Error
from web4_agent.domain.queries import RouteDecision, SourceUse
from web4_agent.records import switches
from web4_agent.steps.prompt import tool_block
from web4_agent.steps.retrieval import Retrieved, context_block
from web4_agent.steps.retrieval.context import CountTokens
from web4_agent.steps.retrieval.filters import EVERYTHING, Filters
from web4_agent.steps.retrieval.library import Found, Library
from web4_agent.steps.route import Wish
from web4_agent.storage.database import Database

_log = logging.getLogger(__name__)
_TOOL_SHARE = 0.4
"""Of the context's tokens, for examples of tool calls: three of them take 200 to 400."""


@dataclass(frozen=True, slots=True)
class ServingParts:
    """`route` decides on a question, a wish and what was asked before it, the latest first; `default_ecosystem` holds
    until a switch says otherwise."""

    database: Database
    route: Callable[[str, Wish, Sequence[str]], RouteDecision]
    library: Library
    count_tokens: CountTokens
    default_ecosystem: str
    context_tokens: int


def prepare(parts: ServingParts, question: str, decision: RouteDecision, filters: Filters = EVERYTHING) -> Prepared:
    """What `decision` asks for, within `filters`. Never fails: what could not be had is named in `missed` and logged.

    A question that follows up another is looked up in the words of both. The filters' ecosystem chooses the examples of
    tool calls; what the journal holds belongs to none.
    """
    if not decision.retrieves and not decision.tools:
        return NOTHING
    started = monotonic()
    budget = parts.context_tokens
    asked = f"{decision.follows}\n{question}" if decision.follows else question
    try:
        examples, ecosystem, used = (
            _examples(parts, asked, budget, filters.ecosystem) if decision.tools else ("", "", ())
        )
        if examples:
            budget -= parts.count_tokens([examples])[0]
        found = parts.library.look_up(asked, decision, replace(filters, ecosystem="")) if decision.retrieves else None
        passages, sources, uses = _passages(parts, found, budget) if found else ("", (), ())
    except Web4Error as error:
        _log.error("serving.retrieval_failed reason=%s", error.message)
        return Prepared(retrieval_ms=_ms(started), missed=error.message)
    return Prepared(
        block="\n\n".join(block for block in (examples, passages) if block),
        sources=sources,
        uses=(*uses, *used),
        collections=tuple(dict.fromkeys([*(found.collections if found else ()), *(one.collection for one in used)])),
        ecosystem=ecosystem,
        hot_hits=found.hot_hits if found else 0,
        hot_misses=found.hot_misses if found else 0,
        retrieval_ms=_ms(started),
    )


def _examples(
    parts: ServingParts, question: str, budget_tokens: int, wanted: str
) -> tuple[str, str, tuple[SourceUse, ...]]:
    with parts.database.read() as connection:
        ecosystem = wanted or switches.get(connection, switches.ECOSYSTEM, parts.default_ecosystem)
    found = parts.library.tool_examples(question, ecosystem)
    texts = [one.text for one in found.passages]
    block = tool_block(texts, ecosystem, parts.count_tokens, int(budget_tokens * _TOOL_SHARE))
    return block, ecosystem, tuple(_use(one, 0) for one in found.passages) if block else ()


def _passages(
    parts: ServingParts, found: Found, budget_tokens: int
) -> tuple[str, tuple[SourceName, ...], tuple[SourceUse, ...]]:
    block, shown = context_block(found.passages, parts.count_tokens, budget_tokens)
    by_chunk = {one.chunk: one for one in found.passages}
    taken = [(one.number, by_chunk[one.chunk]) for one in shown]
    names = tuple(
        SourceName(number, one.document, str(one.metadata.get("title", "")), round(one.similarity, 4))
        for number, one in taken
    )
    return block, names, tuple(_use(one, number) for number, one in taken)


def _use(one: Retrieved, number: int) -> SourceUse:
    return SourceUse(number, one.document, one.chunk, one.collection, round(one.similarity, 4), round(one.score, 6))


def _ms(started: float) -> float:
    return (monotonic() - started) * 1000
