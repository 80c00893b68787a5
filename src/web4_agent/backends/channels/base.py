"""The channel seam: letters handed in together, an outcome for each, all within a time limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from web4_agent.domain.alerts import ChannelName


@dataclass(frozen=True, slots=True)
class Letter:
    """`number` is the caller's own name for it, one for each letter of a call. `text` and `markdown` say the same."""

    number: int
    channel: ChannelName
    subject: str
    text: str
    markdown: str


class OutcomeState(StrEnum):
    SENT = "sent"
    FAILED = "failed"
    """Not accepted, or nobody knows: no answer came in time."""
    UNTRIED = "untried"
    """A letter before it to the same channel failed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`trouble` says why in a few words of the project's own: never what a server answered, which may hold a secret."""

    number: int
    state: OutcomeState
    trouble: str = ""


class Channels(Protocol):
    """Every channel of this home, in use together."""

    @property
    def names(self) -> tuple[ChannelName, ...]:
        """In the order of the settings; two never have the same name."""

    def send(self, letters: Sequence[Letter], timeout_s: float) -> list[Outcome]:
        """An outcome for each letter, in their order, after `timeout_s` and a second at the latest; never raises for a
        channel that is down. Letters to one channel go in order and stop at the first that fails; a slow channel
        holds up no other."""
