"""The questions of a tuning: known items, and real ones that people judged the answers of; each in one half.

Called by the flow. A question goes by one document, its home, whose name says which half it is in: no document is home
or answer in both.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from web4_agent.domain.ids import DocumentId
from web4_agent.domain.queries import RatedAnswer, Thumb
from web4_agent.steps.tuning.known_items import Exam, KnownItem, is_tuning

THUMBS_UP, THUMBS_DOWN = "thumbs up", "thumbs down"


@dataclass(frozen=True, slots=True)
class Question:
    """`right` answers it, none where only wrong ones are known. `wrong` are known to be noise; None: all are that are
    neither right nor `spared`."""

    kind: str
    text: str
    home: DocumentId
    right: frozenset[DocumentId]
    wrong: frozenset[DocumentId] | None = None
    spared: frozenset[DocumentId] = frozenset()

    def is_noise(self, document: DocumentId) -> bool:
        if self.wrong is not None:
            return document in self.wrong
        return document not in self.right and document not in self.spared

    @property
    def tunes(self) -> bool:
        return is_tuning(self.home)


def from_exam(exam: Exam, most: int) -> list[Question]:
    """At most so many, drawn by a hash so that the same are drawn every time and more of them with a larger number."""
    made = [Question(kind, one.question, one.document, frozenset({one.document})) for kind, one in _every(exam)]
    return sorted(made, key=_draw)[:most]


def from_thumbs(rated: Iterable[RatedAnswer], known: AbstractSet[DocumentId]) -> list[Question]:
    """One for each question text. A document shown for it is right with more thumbs up than down, wrong with fewer.

    The home is the right one shown first, else the wrong one. Documents of the other half count neither way, and
    documents that are not `known` any more are left out.
    """
    votes: dict[str, dict[DocumentId, int]] = defaultdict(lambda: defaultdict(int))
    first: dict[tuple[str, DocumentId], int] = {}
    for one in rated:
        text = one.question.strip()
        for source in one.sources:
            if text and source.number >= 1 and source.document in known:
                votes[text][source.document] += 1 if one.thumb is Thumb.UP else -1
                place = (text, source.document)
                first[place] = min(source.number, first.get(place, source.number))
    made = (_judged(text, net, {name: first[text, name] for name in net}) for text, net in sorted(votes.items()))
    return [one for one in made if one is not None]


def _judged(text: str, net: Mapping[DocumentId, int], shown_at: Mapping[DocumentId, int]) -> Question | None:
    right = {name for name, votes in net.items() if votes > 0}
    wrong = {name for name, votes in net.items() if votes < 0}
    if not right and not wrong:
        return None
    home = min(right or wrong, key=lambda name: (shown_at[name], name))
    near = {name for name in net if is_tuning(name) == is_tuning(home)}
    if right:
        spared = frozenset((right - near) | (set(net) - right - wrong))
        return Question(THUMBS_UP, text, home, frozenset(right & near), spared=spared)
    return Question(THUMBS_DOWN, text, home, frozenset(), wrong=frozenset(wrong & near))


def _every(exam: Exam) -> Iterable[tuple[str, KnownItem]]:
    return ((kind, one) for kind, items in exam.questions.items() for one in items)


def _draw(question: Question) -> bytes:
    return hashlib.sha256(f"{question.home}\n{question.kind}\n{question.text}".encode()).digest()


def kinds(questions: Sequence[Question]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sorted(one.kind for one in questions)))
