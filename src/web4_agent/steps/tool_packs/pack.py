"""What a pack of tool examples is made of. Values alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Syntax(StrEnum):
    """How a call is written: one JSON object with name and arguments, or a tag per tool and per argument."""

    JSON = "json"
    XML = "xml"


@dataclass(frozen=True, slots=True)
class Tool:
    """`schema` is the JSON Schema (Draft 2020-12) of its arguments, an object."""

    name: str
    description: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Call:
    """`arguments` as JSON values: text, numbers, true and false, lists, tables."""

    tool: str
    arguments: Mapping[str, object]


class Fault(StrEnum):
    """What is wrong with the call of a negative example."""

    NO_TOOL = "no tool"
    """The question needs none."""
    OTHER_TOOL = "other tool"
    ARGUMENTS = "arguments"
    """The right tool with arguments that its schema refuses."""
    UNKNOWN_TOOL = "unknown tool"
    """One that this assistant does not have."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question and what is right: a call, or an answer in words.

    A negative one also has the `wrong` call and its `fault`, and says in `why` what is wrong with it.
    """

    id: str
    question: str
    why: str
    call: Call | None
    answer: str = ""
    wrong: Call | None = None
    fault: Fault | None = None

    @property
    def tool(self) -> str:
        """The right tool's name; empty where none is."""
        return self.call.tool if self.call else ""


@dataclass(frozen=True, slots=True)
class Pack:
    name: str
    description: str
    syntax: Syntax
    folder: Path
    tools: tuple[Tool, ...]
    examples: tuple[Example, ...]

    @property
    def positives(self) -> tuple[Example, ...]:
        return tuple(one for one in self.examples if one.fault is None)

    @property
    def negatives(self) -> tuple[Example, ...]:
        return tuple(one for one in self.examples if one.fault is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """`place` names the tool, example or key within the file; `fix` what to change."""

    pack: str
    file: str
    place: str
    complaint: str
    fix: str

    @property
    def sentence(self) -> str:
        return f"pack {self.pack}, {self.file}, {self.place}: {self.complaint}"
