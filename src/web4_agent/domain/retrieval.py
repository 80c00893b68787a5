"""How the day chooses what it shows of the journal: one policy, its versions, and what is wrong with one.

Settings give the default; the version in force stands over it. Made by tuning, followed by retrieval.
"""

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from web4_agent.domain.documents import SectionKind
from web4_agent.domain.tuning import Comparison

MOST_RESULTS, MOST_CANDIDATES = 20, 400


@dataclass(frozen=True, slots=True)
class RetrievalPolicy:
    """`results`: documents shown. `candidates`: chunks taken from each search.

    `similarity`: a document of whose candidates none comes up to it is left out, however well its words fit, so that
    nothing irrelevant is injected. `share`: one whose score is a smaller part of the best one's is left out as well; 0
    leaves none out. `meaning`, `section_words` and `document_words` weigh the scores of the three searches. `left_out`:
    kinds of section that are neither searched nor shown, where none is asked for; whole documents are found by their
    words all the same.

    The threshold is for all-MiniLM-L6-v2. Over 119 documents the document asked for has 0.35 or more for each of 85
    questions with a known answer (median 0.63 and 0.71), and the best of all chunks at most 0.31 for 14 of 15 questions
    that have nothing to do with the journal.
    """

    results: int = 3
    similarity: float = 0.33
    share: float = 0.0
    meaning: float = 1.0
    section_words: float = 1.0
    document_words: float = 1.0
    candidates: int = 40
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One that was applied. `parent` is the one it replaced, 0 for the settings; `figures` spoke for it.

    The one in force is the newest that was not taken back.
    """

    number: int
    parent: int
    at_utc: datetime
    why: str
    policy: RetrievalPolicy
    figures: Comparison | None = None
    reverted_utc: datetime | None = None


def wrong_in(policy: RetrievalPolicy) -> str:
    """What of a policy's values can't be, in one line; empty where all can."""
    bounds: dict[str, tuple[float, float]] = {
        "results": (1, MOST_RESULTS),
        "candidates": (policy.results, MOST_CANDIDATES),
        "similarity": (-1.0, 1.0),
        "share": (0.0, 1.0),
        **dict.fromkeys(("meaning", "section_words", "document_words"), (0.0, 10.0)),
    }
    for name, (low, high) in bounds.items():
        if not low <= getattr(policy, name) <= high:
            return f"{name} is {getattr(policy, name)}, and goes from {low} to {high}"
    if not policy.meaning + policy.section_words + policy.document_words:
        return "meaning, section_words and document_words are all 0: nothing would be found"
    unknown = set(policy.left_out) - set(SectionKind)
    if unknown:
        return f"left_out names {min(unknown)!r}, which is no kind of section: {', '.join(SectionKind)}"
    return "left_out names every kind of section" if set(policy.left_out) == set(SectionKind) else ""


def changed(before: RetrievalPolicy, after: RetrievalPolicy) -> dict[str, tuple[object, object]]:
    """What differs, by name: (before, after)."""
    old, new = asdict(before), asdict(after)
    return {one.name: (old[one.name], new[one.name]) for one in fields(before) if old[one.name] != new[one.name]}
