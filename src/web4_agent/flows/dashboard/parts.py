"""What the dashboard's pages read from, and a page of a list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from web4_agent.domain.home import Home
from web4_agent.flows.dashboard.curve import LearningCurve
from web4_agent.storage.database import Database

T = TypeVar("T")
LARGEST_PAGE_NUMBER = 100_000


@dataclass(frozen=True, slots=True)
class DashboardParts:
    """`texts_kept`: whether the query log keeps what was asked and answered."""

    database: Database
    home: Home
    now: Callable[[], datetime]
    texts_kept: bool
    curve: LearningCurve = field(default_factory=LearningCurve)


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page of a list; `number` counts from 1. `total` is None where counting would read too much."""

    rows: tuple[T, ...]
    number: int
    more: bool
    total: int | None = None


def page_number(asked: str) -> int:
    """The number of a page as a browser says it; 1 where it says none that can be."""
    return min(max(1, int(asked)), LARGEST_PAGE_NUMBER) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1


def paged(rows: Sequence[T], number: int, size: int, total: int | None = None) -> Paged[T]:
    """`rows` are those from the page's first on, one more than fit where there are more."""
    return Paged(tuple(rows[:size]), number, len(rows) > size, total)
