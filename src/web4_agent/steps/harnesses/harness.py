"""What a harness is made of: items, each with a rule over its answer, and the gate that its score is held to.

Called by the other files of this folder and by the evaluation. Values alone; knows no file and no model.
"""

from collections.abc import Callable
from dataclasses import dataclass

from web4_agent.domain.evaluations import Gate, Measure
from web4_agent.domain.ids import DocumentId

MAX_ANSWER_CHARS = 100_000
"""Thirty times the longest answer that an item asks for; a longer one fails unread."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a model gave: its answer, and the documents whose text was put before the question."""

    answer: str
    sources: tuple[DocumentId, ...] = ()


Rule = Callable[[Given], str | None]
"""None where the answer is right, else what is wrong with it. Never raises, whatever the answer."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a harness makes of an item's own keys. `system` stands in where the item has none.

    `positive`: the item is to be refused; None in harnesses that ask something else.
    """

    rule: Rule
    system: str = ""
    positive: bool | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One task. `reference` is an answer that passes; so do those of `right`, and those of `wrong` do not.

    `source` is the file it stands in; `own`: that file is the team's, so that its documents are the home's own.
    """

    id: str
    prompt: str
    system: str
    max_tokens: int
    rule: Rule
    reference: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    positive: bool | None
    document: str
    source: str
    own: bool

    def complaint(self, given: Given) -> str | None:
        """What is wrong with an answer, however long and whatever is in it; None where nothing is."""
        if len(given.answer) > MAX_ANSWER_CHARS:
            return f"is longer than {MAX_ANSWER_CHARS:,} characters"
        if "\x00" in given.answer:
            return "is no text: it holds NUL characters"
        return self.rule(given)


@dataclass(frozen=True, slots=True)
class Harness:
    """`looks_up`: its questions are asked with what the day's look-up finds put before them."""

    name: str
    title: str
    gate: Gate
    measure: Measure
    limit: float
    weight: float
    looks_up: bool
    items: tuple[Item, ...]

    def first(self, count: int) -> tuple[Item, ...]:
        """The first items; where some are to be refused and some not, of both kinds in turn."""
        refused = [item for item in self.items if item.positive]
        others = [item for item in self.items if not item.positive]
        paired = [item for pair in zip(refused, others, strict=False) for item in pair]
        return tuple((paired or others)[:count])
