"""Are the samples of a night what their documents say? Looked at once more before a verdict, as they were trained.

Called by the night's judging step. A light night leaves too little in a small model for scores to tell right labels
from shuffled ones, so this is read off the samples themselves. Knows no model.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from web4_agent.domain.ids import DocumentId
from web4_agent.domain.samples import Sample, SampleKind
from web4_agent.domain.verdicts import SampleAudit
from web4_agent.steps.samples.clean import words

SUPPORTED = 0.6
"""Share of a target's word pairs that stand in its document. On four nights of two journals right samples have 0.89 or
more, and 197 of 200 that were dealt to another document have less (median 0)."""
_TOLD = frozenset({SampleKind.QUESTION, SampleKind.SECTION, SampleKind.FULL_TEXT})
"""The others say what no single document says: the order of two, that something is not recorded, what people liked."""


def audit(samples: Sequence[Sample], texts: Mapping[DocumentId, str]) -> SampleAudit:
    """How many of the samples that repeat a document were looked at, and which are not borne out by it.

    Samples of documents that `texts` lacks (edited or deleted meanwhile) are left out.
    """
    told = {document: (frozenset(words(text)), frozenset(_pairs(words(text)))) for document, text in texts.items()}
    checked, unsupported = 0, []
    for sample in samples:
        if sample.kind in _TOLD and sample.document in told:
            checked += 1
            if _support(sample.target, *told[sample.document]) < SUPPORTED:
                unsupported.append(str(sample.id))
    return SampleAudit(checked, tuple(unsupported))


def _support(target: str, known: frozenset[str], pairs: frozenset[tuple[str, str]]) -> float:
    said = words(target)
    if len(said) < 2:
        return float(set(said) <= known)
    found = _pairs(said)
    return sum(pair in pairs for pair in found) / len(found)


def _pairs(said: Sequence[str]) -> list[tuple[str, str]]:
    return list(pairwise(said))
