"""A sheet: what a report says, as titles, sentences and tables, before anybody chose how it is shown.

Made by the commands, drawn by `steps/sheets`. Every text is plain: nothing in it is markup of any form.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """How a reader should take a cell; where there are no colours the word itself says it."""

    PLAIN = ""
    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


class Form(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `figures` names the columns that are written flush right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    figures: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lines:
    """Sentences, one a line."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """What a person must do: a sentence, and the command to type for it, empty where there is none."""

    title: str
    steps: tuple[tuple[str, str], ...]


Block = Grid | Lines | Steps


@dataclass(frozen=True, slots=True)
class Sheet:
    """`title` heads the forms that go into a file; on a screen the blocks speak for themselves."""

    title: str
    blocks: tuple[Block, ...] = field(default=())


def grid(title: str, columns: tuple[str, ...], rows: list[tuple[object, ...]], figures: tuple[str, ...] = ()) -> Grid:
    """A table from values that are cells already, or are written as they print."""
    made = tuple(tuple(one if isinstance(one, Cell) else Cell(str(one)) for one in row) for row in rows)
    return Grid(title, columns, made, frozenset(figures))


def lines(*texts: str) -> Lines:
    return Lines(tuple(text for text in texts if text))
