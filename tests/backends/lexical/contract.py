"""What every word index does. An index's test inherits from `WordIndexContract` and says how it is made."""

import threading

import pytest

from web4_agent.backends.lexical.base import Within, WordEntry, WordIndex


class WordIndexContract:
    @pytest.fixture
    def index(self) -> WordIndex:
        raise NotImplementedError

    def test_the_text_that_shares_the_rarer_words_comes_first(self, index: WordIndex) -> None:
        index.change(
            [], [WordEntry(1, "the port of berthd"), WordEntry(2, "the tide"), WordEntry(3, "the port of call")]
        )
        found = index.search("the port of berthd", 3)
        assert [number for number, _ in found][:2] == [1, 3]
        assert found[0][1] > found[1][1] > 0

    def test_what_shares_no_word_is_not_found(self, index: WordIndex) -> None:
        index.change([], [WordEntry(1, "berthd")])
        assert index.search("tide", 3) == []
        assert index.search("", 3) == []
        assert index.search("berthd", 0) == []

    def test_an_empty_index_finds_nothing(self, index: WordIndex) -> None:
        assert index.search("berthd", 3) == []

    def test_no_query_syntax_is_understood(self, index: WordIndex) -> None:
        index.change([], [WordEntry(1, "berthd port"), WordEntry(2, "tide")])
        assert [number for number, _ in index.search('-berthd AND text:"* OR ( ^9 ~ []', 3)] == [1]

    def test_labels_of_a_group_are_alternatives_and_groups_add_up(self, index: WordIndex) -> None:
        index.change(
            [],
            [
                WordEntry(1, "port", ("agent=Ada", "kind=plan")),
                WordEntry(2, "port", ("agent=Ben", "kind=plan")),
                WordEntry(3, "port", ("agent=Ada", "kind=do")),
            ],
        )
        assert self._numbers(index, Within((("agent=Ada", "agent=Ben"),))) == {1, 2, 3}
        assert self._numbers(index, Within((("agent=Ada",), ("kind=plan",)))) == {1}
        assert self._numbers(index, Within(((),))) == set()

    def test_days_are_a_range_with_both_ends_and_no_day_is_none(self, index: WordIndex) -> None:
        index.change([], [WordEntry(number, "port", day=number) for number in (0, 10, 20, 30)])
        assert self._numbers(index, Within(first=10, last=20)) == {10, 20}
        assert self._numbers(index, Within(last=20)) == {10, 20}
        assert self._numbers(index, Within(first=11)) == {20, 30}

    def test_what_is_taken_out_or_put_in_again_is_no_more_as_it_was(self, index: WordIndex) -> None:
        index.change([], [WordEntry(1, "berthd"), WordEntry(2, "berthd")])
        index.change([1, 2, 77], [WordEntry(2, "tide")])
        assert index.search("berthd", 3) == []
        assert [number for number, _ in index.search("tide", 3)] == [2]

    def test_searches_run_beside_a_change(self, index: WordIndex) -> None:
        index.change([], [WordEntry(0, "berthd port")])
        lost: list[int] = []

        def ask() -> None:
            lost.extend(1 for _ in range(50) if 0 not in [number for number, _ in index.search("berthd", 100)])

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(1, 6):
            index.change([], [WordEntry(number, "berthd")])
        for thread in threads:
            thread.join()
        assert not lost
        assert len(index.search("berthd", 100)) == 6

    @staticmethod
    def _numbers(index: WordIndex, within: Within) -> set[int]:
        return {number for number, _ in index.search("port", 10, within)}
