"""Models by script: one that gives every item's reference, and sources to go with them."""

from collections.abc import Sequence

from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import Script
from web4_agent.domain.context import Prepared, SourceName
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.speech import Message
from web4_agent.steps.harnesses import Given, Harness, Item, load_harnesses

HARNESSES = load_harnesses()
ITEMS = [(harness.name, item) for harness in HARNESSES for item in harness.items]


def harness(name: str) -> Harness:
    return next(one for one in HARNESSES if one.name == name)


def item(harness_name: str, id_: str) -> Item:
    return next(one for one in harness(harness_name).items if one.id == id_)


def given(one: Item, answer: str) -> Given:
    """An answer with the right document among its sources."""
    return Given(answer, (DocumentId(f"2026-03-02/{one.document}"),) if one.document else ())


def complaint(harness_name: str, id_: str, answer: str) -> str | None:
    one = item(harness_name, id_)
    return one.complaint(given(one, answer))


def perfect() -> Script:
    """Answers every prompt with its reference, whatever stands before the prompt."""
    references = {(one.system, one.prompt): one.reference for _, one in ITEMS}

    def answer(adapter: ServedAdapter, messages: Sequence[Message]) -> str:
        del adapter
        system = messages[0].content if messages[0].role == "system" else ""
        return references[system, messages[-1].content.rsplit("\n\n", 1)[-1]]

    return Script(answer=answer)


def bad(text: str) -> Script:
    return Script(answer=lambda adapter, messages: text)


def right_sources(one: Item) -> Prepared:
    document = DocumentId(f"2026-03-02/{one.document}")
    return Prepared(block="[1] A passage.", sources=(SourceName(1, document, "Title", 0.5),))
