"""Asks a model the items of one harness, greedily and in order, and holds each answer against its rule.

Called by the evaluation. Knows no gate; what is looked up comes through a callable.
"""

from collections.abc import Callable, Sequence

from web4_agent.backends.engines.base import Engine
from web4_agent.domain.context import NOTHING, Prepared
from web4_agent.domain.evaluations import ItemResult
from web4_agent.domain.speech import Message
from web4_agent.steps.harnesses.harness import Given, Item

LookUp = Callable[[Item], Prepared]


def look_nothing_up(item: Item) -> Prepared:
    del item
    return NOTHING


def run_items(
    engine: Engine,
    items: Sequence[Item],
    look_up: LookUp = look_nothing_up,
    done: Callable[[int], None] = lambda count: None,
) -> tuple[ItemResult, ...]:
    """In the order of the items. `done` is told how many are finished. Raises EngineError."""
    results: list[ItemResult] = []
    for item in items:
        prepared = look_up(item)
        system = (Message("system", item.system),) if item.system else ()
        messages = (*system, Message("user", prepared.before(item.prompt)))
        answer = _whole(engine.generate(messages, max_tokens=item.max_tokens).text)
        given = Given(answer, tuple(source.document for source in prepared.sources))
        complaint = item.complaint(given)
        results.append(ItemResult(item.id, complaint is None, item.prompt, answer, complaint or "", item.positive))
        done(len(results))
    return tuple(results)


def _whole(text: str) -> str:
    """Halves of characters, which no file takes, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
