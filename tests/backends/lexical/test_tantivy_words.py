import pytest

from tests.backends.lexical.contract import WordIndexContract
from web4_agent.backends.lexical.base import WordEntry, WordIndex
from web4_agent.backends.lexical.tantivy_words import FEW, TantivyWords


class TestTantivyWords(WordIndexContract):
    @pytest.fixture
    def index(self) -> WordIndex:
        return TantivyWords()


def test_stems_are_compared() -> None:
    index = TantivyWords()
    index.change([], [WordEntry(1, "the servers were restarted")])
    assert [number for number, _ in index.search("restarting a server", 3)] == [1]


def test_a_word_of_nearly_all_texts_counts_only_where_no_other_is_asked() -> None:
    index = TantivyWords()
    index.change([], [WordEntry(number, "plan tide" if number == 7 else "plan") for number in range(2 * FEW)])
    assert [number for number, _ in index.search("plan tide", 10)] == [7]
    assert len(index.search("plan", 10)) == 10
