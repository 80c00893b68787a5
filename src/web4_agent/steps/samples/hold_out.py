"""Texts that are never trained, chosen before samples are built: what the gain of a night is measured on.

Called by the night's prepare step, which hands the chosen texts to build and screen. Knows no model: sizes are in
characters and bounded, since an engine scores token by token at one or two hundred tokens a second.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from web4_agent.domain.documents import Document, SectionKind
from web4_agent.domain.samples import HeldOut
from web4_agent.steps.samples.clean import grams, is_link_line, line_key, words
from web4_agent.steps.samples.draws import draw, sample_id

LONGEST_CHARS = 600
FEWEST = 5
"""With fewer texts a gain can't be told from chance: shorter ones and shorter documents are taken then."""
MOST_TONIGHT = 40
MOST_OTHER_DAYS = 20


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Characters of the shortest window, and of the shortest document that has one to spare."""

    window: int
    document: int


_USUAL = _Sizes(400, 1500)
_SHORT = _Sizes(120, 500)
_KINDS = frozenset({SectionKind.DO, SectionKind.CHECK, SectionKind.ACT})


def hold_out(
    documents: Sequence[Document],
    *,
    seed: int,
    share: float = 0.15,
    minimum: int = 20,
    template: frozenset[str] = frozenset(),
) -> tuple[HeldOut, ...]:
    """Windows of 400 to 600 characters out of Do, Check and Act: one a document, more where there are few documents.

    At most `share` of a document's text (one window of a document of 1,500 characters at least), as many as bring the
    night to `minimum`, never above 40. Windows hold neither template lines, nor links, nor words that another of
    tonight's documents repeats: what is trained elsewhere would not be unseen. Where that gives fewer than 5 texts, as
    in a journal of short notes, windows of 120 characters out of documents of 500 do.
    """
    usual = _hold_out(documents, seed, (share, minimum), template, _USUAL)
    return usual if len(usual) >= FEWEST else _hold_out(documents, seed, (share, minimum), template, _SHORT)


def _hold_out(
    documents: Sequence[Document], seed: int, wanted: tuple[float, int], template: frozenset[str], sizes: _Sizes
) -> tuple[HeldOut, ...]:
    share, minimum = wanted
    ordered = sorted(documents, key=lambda one: draw(seed, one.id, "hold out"))
    repeated = _repeated(documents)
    spare = {one.id: _spare(one, share, sizes) for one in documents}
    candidates = [(one, _candidates(one, seed, spare[one.id], template, (repeated, sizes))) for one in ordered]
    chosen: list[HeldOut] = []
    for turn in range(max((len(windows) for _, windows in candidates), default=0)):
        if turn and len(chosen) >= minimum:
            break
        room = (MOST_TONIGHT if turn == 0 else minimum) - len(chosen)
        round_ = [(one, windows[turn]) for one, windows in candidates if len(windows) > turn]
        chosen += [
            HeldOut(sample_id("h", one.id, one.content_hash, text), "tonight", text, one.id)
            for one, text in round_[:room]
        ]
    return tuple(chosen)


def other_days(stored: Sequence[HeldOut], *, seed: int, most: int = MOST_OTHER_DAYS) -> tuple[HeldOut, ...]:
    """Held-out texts of earlier nights, at most one of a document, drawn by seed."""
    by_document = {item.document: item for item in sorted(stored, key=lambda one: draw(seed, one.id, "other days"))}
    drawn = sorted(by_document.values(), key=lambda one: draw(seed, one.id, "order"))
    return tuple(replace(item, group="other days") for item in drawn[:most])


def _spare(document: Document, share: float, sizes: _Sizes) -> int:
    """How many windows a document can do without."""
    return max(1, int(share * len(document.text) / LONGEST_CHARS)) if len(document.text) >= sizes.document else 0


def _candidates(
    document: Document, seed: int, spare: int, template: frozenset[str], avoid: tuple[frozenset[int], _Sizes]
) -> list[str]:
    """Windows that do not overlap, as many as the document can spare: those with the fewest figures, then by seed.

    Figures are what people will ask for, so they are better learned; and no model foresees them: they measure little.
    """
    if not spare:
        return []
    texts = _unseen(_runs(document, template), *avoid) or _unseen(_runs(document, template, code=True), *avoid)
    chosen: list[tuple[int, int, int]] = []
    for one in sorted(texts, key=lambda one: (_figures(texts[one]), draw(seed, document.id, texts[one]))):
        if len(chosen) < spare and all(one[0] != other[0] or _apart(one, other) for other in chosen):
            chosen.append(one)
    return [texts[one] for one in chosen]


def _unseen(runs: list[list[str]], repeated: frozenset[int], sizes: _Sizes) -> dict[tuple[int, int, int], str]:
    """(run, first line, end) of each window that shares no 13 words with another document, and its text."""
    found = [(run, at, end) for run, lines in enumerate(runs) for at, end in _spans(lines, sizes.window)]
    texts = {one: "\n".join(runs[one[0]][one[1] : one[2]]) for one in found}
    return {one: text for one, text in texts.items() if grams(text).isdisjoint(repeated)}


def _runs(document: Document, template: frozenset[str], *, code: bool = False) -> list[list[str]]:
    """Lines of prose that follow one another in Do, Check and Act; links, template lines and code end a run.

    With `code`, which is for documents that have too little prose, code counts as prose.
    """
    runs: list[list[str]] = [[]]
    for section in document.sections:
        fenced = False
        for line in section.text.splitlines() if section.kind in _KINDS else ["```"]:
            marker = line.lstrip().startswith(("```", "~~~"))
            fenced = fenced != marker
            if (not code and (marker or fenced)) or line_key(line) in template or is_link_line(line):
                runs.append([])
            elif len(words(line)) > 2:
                runs[-1].append(line.strip())
    return runs


def _spans(lines: list[str], shortest: int) -> list[tuple[int, int]]:
    """(first, end) of the shortest window of at least `shortest` characters from each line on."""
    spans = []
    for at in range(len(lines)):
        size = -1
        for end in range(at + 1, len(lines) + 1):
            size += len(lines[end - 1]) + 1
            if size >= shortest:
                if size <= LONGEST_CHARS:
                    spans.append((at, end))
                break
    return spans


def _apart(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return one[2] <= other[1] or other[2] <= one[1]


def _figures(text: str) -> int:
    return sum(any(char.isdigit() for char in word) for word in words(text))


def _repeated(documents: Sequence[Document]) -> frozenset[int]:
    """13-grams that stand in two documents or more."""
    counts = Counter(gram for document in documents for gram in grams(document.text))
    return frozenset(gram for gram, count in counts.items() if count > 1)
