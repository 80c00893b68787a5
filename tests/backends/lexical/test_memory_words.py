import pytest

from tests.backends.lexical.contract import WordIndexContract
from web4_agent.backends.lexical.base import WordIndex
from web4_agent.backends.lexical.memory import MemoryWords


class TestMemoryWords(WordIndexContract):
    @pytest.fixture
    def index(self) -> WordIndex:
        return MemoryWords()
