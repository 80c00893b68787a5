"""Scores how much a document has to teach, 0 to 100: structure 35, support 25, outcome 15, novelty 15, human touch 10.

Called by the indexing flow; the sample builder orders by it. Counts marks of good work in the text, and judges nothing
that only a reader could: a well-formed untruth scores high.
"""

import re
from collections.abc import Iterable

from web4_agent.domain.documents import Document, QualityScore, Section, SectionKind

_PDCA = (SectionKind.PLAN, SectionKind.DO, SectionKind.CHECK, SectionKind.ACT)
_ENOUGH_CHARS = 200
"""A section of this length says something; the house's one-line sections have 40 to 120."""

_SCAN_CAP = 200_000
_RESULT = re.compile(
    r"\b(?:result|results|passed|failed|verified|works|working|success|successful|successfully|error|errors|fixed|"
    r"complete|completed|broken|confirmed|achieved|measured|outcome)\b|[✅❌⚠]",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"(?<![\w.])\d{1,9}(?:[.,]\d{1,6})?\s?(?:%|ms|s|MB|GB|KB|tests?|files?|lines?|errors?|of|/)(?!\w)")
_LEARNED = re.compile(r"\b(?:learn(?:ed|ing|t)|lesson|insight|next steps?|in future|follow-?up|prevent)", re.IGNORECASE)
_COMMIT = re.compile(r"(?<![\w-])[0-9a-f]{7,40}(?![\w-])")


def score_quality(document: Document, *, novelty: float) -> QualityScore:
    """Score a document; `novelty` is 1 minus its likeness to the most alike other document (0 to 1).

    * structure, 35: five for each of Plan, Do, Check, Act that is there, two more where it says something (200
      characters), three for their order, and two each for a summary and for a date in the header.
    * support, 25: what backs the words: fenced code or output up to 8, dual links up to 7 and other links up to 3,
      figures with a unit up to 4, a commit named 3.
    * outcome, 15: what came of it: result words in Check up to 8, learning or next steps in Act (or after it) up to 4,
      decisions settled 3.
    * novelty, 15: times `novelty`.
    * human touch, 10: a person's words quoted 6, an answer to them 2, a full TRON block 2.
    """
    return QualityScore(
        structure=_structure(document),
        support=_support(document),
        outcome=_outcome(document),
        novelty=15.0 * min(1.0, max(0.0, novelty)),
        human=_human(document),
    )


def _structure(document: Document) -> float:
    points = 0.0
    for kind in _PDCA:
        size = sum(len(section.text) for section in document.of_kind(kind))
        points += 5.0 * bool(document.of_kind(kind)) + 2.0 * (size >= _ENOUGH_CHARS)
    order = [kind for kind in dict.fromkeys(section.kind for section in document.sections) if kind in _PDCA]
    points += 3.0 * (order == list(_PDCA))
    points += 2.0 * bool(document.of_kind(SectionKind.SUMMARY))
    return points + 2.0 * (document.header.date_utc is not None)


def _support(document: Document) -> float:
    text = document.text[:_SCAN_CAP]
    fences = text.count("\n```") // 2
    duals = sum(link.dual for link in document.links)
    others = len(document.links) - duals
    figures = len(_FIGURE.findall(text))
    return (
        min(8.0, 2.0 * fences)
        + min(7.0, 2.0 * duals)
        + min(3.0, 1.0 * others)
        + min(4.0, 0.5 * figures)
        + 3.0 * (_COMMIT.search(text) is not None)
    )


def _outcome(document: Document) -> float:
    checked = _joined(document.of_kind(SectionKind.CHECK))
    acted = _joined(section for section in document.sections if section.kind in {SectionKind.ACT, SectionKind.PROCESS})
    decided = _joined(document.of_kind(SectionKind.DECISIONS)).lower()
    settled = "[x]" in decided or "all clear" in decided
    return min(8.0, 2.0 * len(_RESULT.findall(checked))) + min(4.0, 2.0 * len(_LEARNED.findall(acted))) + 3.0 * settled


def _human(document: Document) -> float:
    quoted = any(len(tron.quote.split()) >= 3 for tron in document.trons)
    answered = any(tron.quote and tron.response for tron in document.trons)
    return 6.0 * quoted + 2.0 * answered + 2.0 * any(tron.complete for tron in document.trons)


def _joined(sections: Iterable[Section]) -> str:
    return "\n".join(section.text for section in sections)[:_SCAN_CAP]
