import pytest

from tests.backends.timers.contract import TimersContract
from web4_agent.backends.timers.base import Timers
from web4_agent.backends.timers.scripted import ScriptedTimers


class TestScripted(TimersContract):
    @pytest.fixture
    def timers(self) -> Timers:
        return ScriptedTimers()

    def refuse(self, timers: Timers) -> None:
        assert isinstance(timers, ScriptedTimers)
        timers.refuses = "no"
