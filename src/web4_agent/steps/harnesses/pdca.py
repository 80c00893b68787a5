"""Two harnesses over PDCA documents, read by the journal's own parser: the schema of one that is filled in, and the
sections of the empty template.

Called by the catalogue. Knows no model.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from web4_agent.domain.documents import Document, LinkKind, Rejection, SectionKind
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.harnesses.answers import documents_in, holds
from web4_agent.steps.harnesses.harness import Given, Reading
from web4_agent.steps.journal.header import field_of
from web4_agent.steps.journal.markdown import Outline, headings, outline
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.judging.tables import Table

Facts = tuple[tuple[str, ...], ...]
Judge = Callable[[str], str | None]
SCHEMA_KEYS = frozenset({"holds"})
TEMPLATE_KEYS = frozenset({"holds"})

_NAME = DocumentId("answer.pdca.md")
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_PDCA = (SectionKind.PLAN, SectionKind.DO, SectionKind.CHECK, SectionKind.ACT)
_TEMPLATE = (SectionKind.SUMMARY, SectionKind.DECISIONS, *_PDCA)
_META_FIELDS = frozenset({"date", "agent", "agent name", "objective", "cmm", "cmm badge"})


def read_schema(table: Table) -> Reading:
    """`holds`: facts that the document must state, each a list of wordings."""
    facts = table.rows("holds")

    def rule(given: Given) -> str | None:
        return _best(given.answer, lambda text: _schema_complaint(text, facts))

    return Reading(rule)


def read_template(table: Table) -> Reading:
    """`holds`: what the template must carry besides its sections, such as its title."""
    facts = table.rows("holds")

    def rule(given: Given) -> str | None:
        return _best(given.answer, lambda text: _template_complaint(text, facts))

    return Reading(rule)


def missing_facts(text: str, facts: Facts) -> list[str]:
    return [wordings[0] for wordings in facts if not holds(text, wordings)]


def _best(answer: str, judge: Judge) -> str | None:
    """The answer is right where any document in it is; else the complaint of the last, which is the fenced one."""
    complaints = [judge(text) for text in documents_in(answer)]
    return None if None in complaints else complaints[-1]


def _schema_complaint(text: str, facts: Facts) -> str | None:
    document = parse_document(_NAME, text.encode("utf-8", "replace"), modified_utc=_NO_TIME)
    if isinstance(document, Rejection):
        return f"is no PDCA document: {document.detail}"
    complaints = [*_section_complaints(document), *_link_complaints(document), *_meta_complaints(document)]
    complaints += [f"does not say: {fact}" for fact in missing_facts(text, facts)]
    return "; ".join(complaints) or None


def _section_complaints(document: Document) -> list[str]:
    empty = [
        kind.name.capitalize()
        for kind in _PDCA
        if not any(character.isalnum() for section in document.of_kind(kind) for character in section.text)
    ]
    first_of_each = [kind for kind in dict.fromkeys(section.kind for section in document.sections) if kind in _PDCA]
    complaints = [f"{name} is missing or empty" for name in empty]
    return complaints if empty or first_of_each == list(_PDCA) else ["Plan, Do, Check and Act are not in this order"]


def _link_complaints(document: Document) -> list[str]:
    linked = any(link.dual or link.kind is not LinkKind.REFERENCE for link in document.links)
    return [] if linked else ["has neither a dual link nor a link to the document before it"]


def _meta_complaints(document: Document) -> list[str]:
    header = document.header
    fields = (("date", header.date_utc), ("agent", header.agent), ("CMM level", header.cmm))
    return [f"its header has no {name}" for name, value in fields if not value]


def _template_complaint(text: str, facts: Facts) -> str | None:
    source = outline(text)
    found = headings(source)
    kinds = [heading.kind for heading in found]
    complaints = [f"no section {kind.value}" for kind in _TEMPLATE if kind not in kinds]
    order = [kind for kind in dict.fromkeys(kinds) if kind in _PDCA]
    if not complaints and order != list(_PDCA):
        complaints.append("Plan, Do, Check and Act are not in this order")
    fields = _field_names(source)
    if SectionKind.LINKS not in kinds and not fields & {"previous pdca", "links", "dual links"}:
        complaints.append("no section links")
    if SectionKind.META not in kinds and len(fields & _META_FIELDS) < 2:
        complaints.append("no section meta, and no fields of it")
    complaints += [f"does not hold: {fact}" for fact in missing_facts(text, facts)]
    return "; ".join(complaints) or None


def _field_names(source: Outline) -> set[str]:
    return {found[0] for line in source.lines if (found := field_of(line))}
