"""Channels that keep what they are sent and fail when told: for tests and drills."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from web4_agent.backends.channels.base import Letter, Outcome, OutcomeState
from web4_agent.domain.alerts import ChannelName


@dataclass(slots=True)
class ScriptedChannels:
    """`trouble` maps a channel that is down to what its outcome says; `sent` keeps what was accepted, in order.

    `sending` is called before a letter is accepted, so that a test can do something in that moment.
    """

    names: tuple[ChannelName, ...] = (ChannelName("ops"),)
    trouble: dict[str, str] = field(default_factory=dict)
    sent: list[Letter] = field(default_factory=list)
    tried: int = 0
    sending: Callable[[Letter], None] = lambda letter: None

    def send(self, letters: Sequence[Letter], timeout_s: float) -> list[Outcome]:
        del timeout_s  # nothing here is slow
        failed: set[ChannelName] = set()
        return [self._send(letter, failed) for letter in letters]

    def _send(self, letter: Letter, failed: set[ChannelName]) -> Outcome:
        if letter.channel in failed:
            return Outcome(letter.number, OutcomeState.UNTRIED)
        self.tried += 1
        self.sending(letter)
        unknown = "" if letter.channel in self.names else "no such channel"
        if trouble := self.trouble.get(letter.channel, unknown):
            failed.add(letter.channel)
            return Outcome(letter.number, OutcomeState.FAILED, trouble)
        self.sent.append(letter)
        return Outcome(letter.number, OutcomeState.SENT)
