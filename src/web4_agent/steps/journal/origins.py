"""Which document a text really comes from: a renamed copy, or one that mostly quotes another, counts as the other.

Called by the indexing flow with the documents that are new, and all that were ever known. A document that lives on
under other names would else be shown to the model once more under each. Compares words, as `duplicates` does.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from zlib import crc32

from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.duplicates import Comparable

MOSTLY = 0.5
"""Share of a document's runs of words that stand in another. Of a real journal's 361 documents no two share so much;
two pairs share 0.3."""

RUN_WORDS = 8
FEWEST_RUNS = 10
"""With fewer runs of its own a document says too little to tell whose text it is."""

TEMPLATE_SHARE = 0.2
TEMPLATE_DOCUMENTS = 3
"""Runs in so many of the documents are the house's template, and nobody's text."""

KEPT_OF = 4
"""One run in so many is looked at, the same in every text: a share of hundreds of runs is still told within a few per
cent, at a quarter of the memory."""

WORDS_CAP = 50_000
_WORD = re.compile(r"\w+")


def find_origins(
    fresh: Sequence[Comparable], known: Iterable[Comparable], origins: Mapping[DocumentId, DocumentId]
) -> dict[DocumentId, DocumentId]:
    """The origin of each fresh document that has another than itself.

    `origins` are those of the known: a copy of a copy has the first one's, and a document keeps the one it had before
    it was edited. Linear in the texts; runs of the fresh ones alone are held.
    """
    runs = {document.id: _runs(document.text) for document in fresh}
    sought = frozenset(run for own in runs.values() for run in own)
    owners: dict[int, list[DocumentId]] = defaultdict(list)
    ids = set()
    for one in known:
        ids.add(one.id)
        for run in _runs(one.text) & sought:
            owners[run].append(one.id)
    spread = _spread(owners, runs, origins)
    least = max(TEMPLATE_DOCUMENTS, TEMPLATE_SHARE * len(ids | runs.keys()))
    found: dict[DocumentId, DocumentId] = {}
    for name, own in runs.items():
        telling = [run for run in own if spread[run] < least]
        nearest = origins.get(name) or _nearest(name, telling, owners)
        if nearest is not None:
            first = found.get(nearest) or origins.get(nearest, nearest)
            found |= {name: first} if first != name else {}
        for run in own:
            owners[run].append(name)
    return found


def _spread(
    owners: Mapping[int, Sequence[DocumentId]],
    runs: Mapping[DocumentId, frozenset[int]],
    origins: Mapping[DocumentId, DocumentId],
) -> dict[int, int]:
    """In how many documents each run stands; versions and copies of one are one."""
    holders: dict[int, set[DocumentId]] = defaultdict(set)
    for run, names in owners.items():
        holders[run].update(origins.get(name, name) for name in names)
    for name, own in runs.items():
        for run in own:
            holders[run].add(origins.get(name, name))
    return {run: len(names) for run, names in holders.items()}


def _nearest(name: DocumentId, telling: Sequence[int], owners: Mapping[int, Sequence[DocumentId]]) -> DocumentId | None:
    """The other document that holds most of these runs, and more than the share that makes it their origin."""
    if len(telling) < FEWEST_RUNS:
        return None
    shared = Counter(owner for run in telling for owner in set(owners.get(run, ())) if owner != name)
    best = max(shared, key=lambda owner: (shared[owner], owner), default=None)
    return best if best is not None and shared[best] >= MOSTLY * len(telling) else None


def _runs(text: str) -> frozenset[int]:
    return frozenset(_hashes(_WORD.findall(text.casefold())[:WORDS_CAP]))


def _hashes(words: Sequence[str]) -> Iterator[int]:
    """Of runs, those that are looked at. Numbers alone are hashed, so that they are equal in every process."""
    numbers = [crc32(word.encode()) for word in words]
    for at in range(len(numbers) - RUN_WORDS + 1):
        run = hash(tuple(numbers[at : at + RUN_WORDS]))
        if run % KEPT_OF == 0:
            yield run
