import pytest

from tests.backends.channels.contract import DOWN, UP, Case, ChannelsContract
from web4_agent.backends.channels.scripted import ScriptedChannels


class TestScriptedChannels(ChannelsContract):
    @pytest.fixture
    def case(self) -> Case:
        channels = ScriptedChannels((UP, DOWN), {DOWN: "it is down"})
        return Case(channels, lambda: [letter.subject for letter in channels.sent])
