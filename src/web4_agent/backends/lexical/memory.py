"""BM25 in plain Python: a word index for tests, dry runs and a few hundred texts, with nothing to install.

Compares words as they are written but for case; the other index knows their stems.
"""

import math
import re
import threading
from collections import Counter
from collections.abc import Sequence

from web4_agent.backends.lexical.base import ANYWHERE, Within, WordEntry

SATURATION, LENGTH_WEIGHT = 1.2, 0.75
"""k1 and b of Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), and of all the others' defaults."""

_WORD = re.compile(r"\w+")


class MemoryWords:
    """Reads every text at each search: 1 ms for a hundred short ones."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[WordEntry, Counter[str]]] = {}
        self._lock = threading.Lock()

    def change(self, gone: Sequence[int], new: Sequence[WordEntry]) -> None:
        with self._lock:
            entries = dict(self._entries)
            for number in gone:
                entries.pop(number, None)
            entries |= {one.number: (one, Counter(_WORD.findall(one.text.lower()))) for one in new}
            self._entries = entries

    def search(self, question: str, count: int, within: Within = ANYWHERE) -> list[tuple[int, float]]:
        entries = self._entries
        rarity = _rarities(set(_WORD.findall(question.lower())), [words for _, words in entries.values()])
        average = sum(words.total() for _, words in entries.values()) / max(1, len(entries))
        scored = [
            (number, _score(words, rarity, average)) for number, (one, words) in entries.items() if _kept(one, within)
        ]
        found = [pair for pair in scored if pair[1] > 0]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:count]

    def close(self) -> None:
        with self._lock:
            self._entries = {}


def _rarities(words: set[str], texts: Sequence[Counter[str]]) -> dict[str, float]:
    held = {word: sum(word in text for text in texts) for word in words}
    return {word: math.log(1 + (len(texts) - found + 0.5) / (found + 0.5)) for word, found in held.items() if found}


def _score(words: Counter[str], rarity: dict[str, float], average: float) -> float:
    length = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * words.total() / max(1.0, average))
    return sum(
        weight * words[word] * (SATURATION + 1) / (words[word] + length)
        for word, weight in rarity.items()
        if word in words
    )


def _kept(one: WordEntry, within: Within) -> bool:
    if within.first is not None and (not one.day or one.day < within.first):
        return False
    if within.last is not None and (not one.day or one.day > within.last):
        return False
    return all(any(label in one.labels for label in group) for group in within.groups)
