"""How long work tells of itself: the CLI draws it, tests collect it, flows and steps only speak."""

from typing import Protocol


class Watcher(Protocol):
    def started(self, step: str) -> None: ...

    def advanced(self, step: str, done: int, total: int, left_s: float | None = None, note: str = "") -> None:
        """`done` of `total`; `left_s` seconds are expected to be left, None where it can't be told yet."""

    def finished(self, step: str, seconds: float) -> None: ...


class Unwatched:
    """Work that nobody watches."""

    def started(self, step: str) -> None:
        del step

    def advanced(self, step: str, done: int, total: int, left_s: float | None = None, note: str = "") -> None:
        del step, done, total, left_s, note

    def finished(self, step: str, seconds: float) -> None:
        del step, seconds
