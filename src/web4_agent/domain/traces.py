"""A piece of work as a trace tells it: what it was, from when to when, what came of it, and the pieces it was made of.

A span is made when its work has ended, from times that were taken anyway: nothing is carried along while it runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

Value = str | bool | int | float | tuple[str, ...]


class SpanKind(StrEnum):
    """`server`: somebody's request; `client`: a request of ours; `internal`: work in this process."""

    SERVER = "server"
    CLIENT = "client"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Span:
    """`error` is a word of ours for what went wrong, empty when nothing did: never a text that holds a question.

    `children` in the order in which they began. `parent` is the `traceparent` header of who asked, for a span that
    is no child.
    """

    name: str
    start_utc: datetime
    end_utc: datetime
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Mapping[str, Value] = field(default_factory=dict)
    error: str = ""
    children: tuple["Span", ...] = ()
    parent: str = ""
