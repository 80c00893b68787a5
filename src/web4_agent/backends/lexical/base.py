"""The word-index seam: texts ranked by BM25 among those that a filter keeps. A projection, never the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WordEntry:
    """`number` is the caller's own name for a text, 0 or more. `labels` are compared whole; `day` is a date's ordinal,
    0 for a text without one."""

    number: int
    text: str
    labels: tuple[str, ...] = ()
    day: int = 0


@dataclass(frozen=True, slots=True)
class Within:
    """What a text must have to be found: a label of each group, and a day from `first` to `last` where given."""

    groups: tuple[tuple[str, ...], ...] = ()
    first: int | None = None
    last: int | None = None


ANYWHERE = Within()


class WordIndex(Protocol):
    """Safe to call from several threads; a search sees the last whole `change` and never half of one."""

    def change(self, gone: Sequence[int], new: Sequence[WordEntry]) -> None:
        """Take out these numbers, then put in these entries. A number that is not there is no error; one that is put in
        again must be taken out in the same call."""

    def search(self, question: str, count: int, within: Within = ANYWHERE) -> list[tuple[int, float]]:
        """The `count` texts that share most with the question's words, best first, with a score of which more is
        better. Plain words: no query syntax is understood."""

    def close(self) -> None:
        """Release memory and threads; closing twice is no error."""
