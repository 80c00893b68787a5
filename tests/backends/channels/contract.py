"""What all channels do. A set of channels' test inherits from `ChannelsContract` and says how it is made."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from web4_agent.backends.channels.base import Channels, Letter, OutcomeState
from web4_agent.domain.alerts import ChannelName

UP, DOWN = ChannelName("up"), ChannelName("down")
LONGEST_S = 10.0


@dataclass(frozen=True)
class Case:
    """Channels named up and down, and the subjects that reached the first."""

    channels: Channels
    arrived: Callable[[], list[str]]


def letter(number: int, channel: ChannelName = UP) -> Letter:
    return Letter(number, channel, f"subject {number}", "What happened: a_b\n", "**What happened:** `a_b`\n")


class ChannelsContract:
    @pytest.fixture
    def case(self) -> Case:
        raise NotImplementedError

    def test_names_are_in_order_and_different(self, case: Case) -> None:
        assert case.channels.names[:2] == (UP, DOWN)
        assert len(set(case.channels.names)) == len(case.channels.names)

    def test_each_letter_has_an_outcome_and_one_channel_stops_at_its_first_failure(self, case: Case) -> None:
        sent = case.channels.send([letter(7), letter(3, DOWN), letter(4), letter(5, DOWN)], LONGEST_S)
        assert [(one.number, one.state) for one in sent] == [
            (7, OutcomeState.SENT),
            (3, OutcomeState.FAILED),
            (4, OutcomeState.SENT),
            (5, OutcomeState.UNTRIED),
        ]
        assert case.arrived() == ["subject 7", "subject 4"]
        assert [bool(one.trouble) for one in sent] == [False, True, False, False]

    def test_an_unknown_channel_is_an_outcome_and_no_error(self, case: Case) -> None:
        (sent,) = case.channels.send([letter(1, ChannelName("nobody"))], LONGEST_S)
        assert (sent.state, sent.trouble) == (OutcomeState.FAILED, "no such channel")

    def test_nothing_to_send_is_nothing_sent(self, case: Case) -> None:
        assert case.channels.send([], LONGEST_S) == []
        assert case.arrived() == []
