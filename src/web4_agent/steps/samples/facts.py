"""Facts that a document states in so many words: header fields, decisions, quotes, labelled lines, table cells.

Called by build and between. Each answer is a span of the document's text, Markdown aside; a value that can't be shown
to be one is no fact. Knows no wordings and no seeds.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from web4_agent.domain.documents import Document, Section, SectionKind, Tron
from web4_agent.steps.samples.clean import answer_of, balanced, plain, span, title_of

_LABELLED = re.compile(
    r"^\s*(?:[-*+]\s+|\d{1,2}[.)]\s+)?(?:\[[ xX]\]\s*)?[^\w*|\n]*\*\*(?P<label>[^*\n]{3,60}?)"
    r"(?::\s*\*\*|\*\*\s*:)\s*(?P<value>\S.*)$"
)
_DECISION = re.compile(r"^\s*[-*+]\s+\[[xX]\]\s*\*\*(?P<label>[^*\n]{3,80}?)\s*\*\*\s*[:–—-]?\s*(?P<value>.*)$")
_UNLABELLED_DECISION = re.compile(r"^\s*[-*+]\s+\[[xX]\]\s*(?P<value>[^*\s].*)$")
_PLAIN_LABELLED = re.compile(r"^\s*[-*+]\s+(?P<label>[A-Za-z][\w ./-]{2,40}?):\s+(?P<value>\S.*)$")
_NAMED_TIME = re.compile(r"(?:UTC-|^\d{8}-)(\d{4})(?!\d)")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d{1,2}[.)])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*\"])")
_TELLING_WORD = re.compile(r"\d|`")
NOTHING_DECIDED = re.compile(r"\b(?:all clear|no (?:open |pending )?decisions?)\b", re.IGNORECASE)
_SEPARATOR_ROW = re.compile(r"^\s*\|?\s*:?-{2,}")
_KNOWN_LABELS = {
    "learning applied": "learned",
    "learning": "learned",
    "lesson learned": "learned",
    "lessons learned": "learned",
    "key learning": "learned",
    "process learning": "learned",
    "next": "next",
    "next pdca focus": "next",
    "next steps": "next",
    "next step": "next",
    "success achieved": "outcome",
    "quality impact": "outcome",
    "outcome": "outcome",
    "result": "outcome",
    "user feedback": "quote",
}
_NO_LABELS = frozenset(
    """objective|date|agent name|agent role|role|branch|sprint|template version|sync requirements|previous commit
    |previous pdca|requirements traceability|github|requirement|cmm badge""".replace("\n    ", "").split("|")
)
_LABELLED_IN = frozenset(
    {SectionKind.PLAN, SectionKind.DO, SectionKind.CHECK, SectionKind.ACT, SectionKind.SUMMARY, SectionKind.PROCESS}
    | {SectionKind.OTHER, SectionKind.DECISIONS, SectionKind.TRON}
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One question's substance. `field` is a key of templates.QUESTIONS; `label` and `column` fill its slots."""

    field: str
    answer: str
    label: str = ""
    column: str = ""


def facts_of(document: Document) -> tuple[Fact, ...]:
    """All facts, the telling ones first: what was decided, meant, learned and found before who, where and when."""
    found = [*_header_facts(document), *_tron_facts(document.trons), *_decisions(document)]
    found += [fact for section in document.sections for fact in _body_facts(section)]
    text = span(document.text)
    labels = Counter((fact.field, fact.label.casefold(), fact.column.casefold()) for fact in found)
    unique: dict[tuple[str, str, str], Fact] = {}
    for fact in found:
        key = (fact.field, fact.label.casefold(), fact.column.casefold())
        ambiguous = fact.label and labels[key] > 1
        if not ambiguous and span(fact.answer) in text:
            unique.setdefault(key, fact)
    return tuple(unique.values())


def topic_of(document: Document) -> str:
    """What a prompt calls the document: its title, or its slug where it has none."""
    return title_of(document.title or document.header.title) or document.slug.replace("-", " ").strip()


def written_at(document: Document) -> str:
    """Time of day as four digits, from the file name, else the header; empty where neither says."""
    if match := _NAMED_TIME.search(document.id.rpartition("/")[2]):
        return match.group(1)
    date_utc = document.header.date_utc
    return date_utc.strftime("%H%M") if date_utc and date_utc.date() == document.day and date_utc.time() else ""


def _header_facts(document: Document) -> Iterator[Fact]:
    header = document.header
    for field, raw in (("objective", header.objective), ("task", header.task), ("issues", header.issues)):
        if answer := answer_of(raw):
            yield Fact(field, answer)
    leading = {
        "agent": header.agent,
        "role": header.role,
        "branch": header.branch,
        "sprint": header.sprint,
        "session": header.session,
    }
    for field, raw in leading.items():
        if answer := answer_of(_before_arrow(raw), limit=80):
            yield Fact(field, answer)
    if cmm := re.search(r"CMM\s*-?\s*[1-5]", header.cmm):
        yield Fact("cmm", cmm.group())
    if commit := re.match(r"\W*([0-9a-f]{7,40})\b", header.previous_commit):
        yield Fact("commit", commit.group(1))
    if header.date_utc and header.date_utc.date() == document.day:
        yield Fact("day", document.day.isoformat())


def _before_arrow(raw: str) -> str:
    """The name of "name → what it is here"."""
    return next((part for part in re.split(r"→|->|=>", raw) if plain(part)), "")


def _tron_facts(trons: tuple[Tron, ...]) -> Iterator[Fact]:
    for tron in trons[:1]:
        for field, raw in (("quote", tron.quote), ("outcome", tron.outcome), ("next", tron.next)):
            answer = answer_of(_first_line(raw))
            if len(re.findall(r"[^\W\d_]{2,}", answer)) >= 3:
                yield Fact(field, answer)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if plain(line)), "")


def _decisions(document: Document) -> Iterator[Fact]:
    for section in document.of_kind(SectionKind.DECISIONS):
        for line in section.text.splitlines():
            if match := _UNLABELLED_DECISION.match(line):
                answer = answer_of(match["value"])
                if len(answer.split()) >= 3 and not NOTHING_DECIDED.search(answer):
                    yield Fact("decided", answer)
            elif match := _DECISION.match(line):
                label = re.sub(r"^decision\s*\d*\s*[:.-]\s*", "", plain(match["label"]), flags=re.IGNORECASE)
                answer = answer_of(match["value"])
                if len(answer.split()) >= 3 and len(label) > 3 and not answer.endswith("?"):
                    yield Fact("decision", answer, label=label.rstrip(":"))


def _body_facts(section: Section) -> Iterator[Fact]:
    if section.kind not in _LABELLED_IN:
        return
    lines = section.text.splitlines()
    for line in _outside_fences(lines):
        if section.kind is SectionKind.DECISIONS and _DECISION.match(line):
            continue
        if match := _LABELLED.match(line) or _PLAIN_LABELLED.match(line):
            yield from _labelled(plain(match["label"]).strip(" :"), match["value"])
        else:
            yield from _sentences(line)
    yield from _cells(lines)


def _outside_fences(lines: list[str]) -> Iterator[str]:
    fenced = False
    for line in lines:
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced:
            yield line


def _labelled(label: str, value: str) -> Iterator[Fact]:
    answer = answer_of(value)
    telling = len(answer.split()) >= 3 or any(char.isdigit() for char in answer)
    if not telling:
        return
    if known := _KNOWN_LABELS.get(label.casefold()):
        yield Fact(known, answer)
    elif len(label) > 3 and label.casefold() not in _NO_LABELS:
        yield Fact("label", answer, label=label)


def _sentences(line: str) -> Iterator[Fact]:
    """Sentences cut before their first figure or code word: the beginning asks, the rest (at most 8 words) answers."""
    if line.lstrip().startswith(("#", "|", ">", "- [", "* [")) or "](" in line:
        return
    for sentence in _SENTENCE_END.split(line):
        spoken = _BULLET.sub("", sentence).split()
        at = next((at for at, word in enumerate(spoken) if at >= 4 and _TELLING_WORD.search(word)), 0)
        if (
            not at
            or len(spoken) - at > 8
            or len(spoken) > 30
            or any(_TELLING_WORD.search(word) for word in spoken[:at])
        ):
            continue
        start, answer = plain(" ".join(spoken[:at])), answer_of(" ".join(spoken[at:]))
        if answer and balanced(start) and sentence.rstrip().endswith((".", "!", "?")):
            yield Fact("rest", answer, label=start)


def _cells(lines: list[str]) -> Iterator[Fact]:
    """The second column of each table row, named by the first: a table's first column is its key in every case seen."""
    for at, line in enumerate(lines[:-1]):
        if "|" not in line or not _SEPARATOR_ROW.match(lines[at + 1]) or "|" not in lines[at + 1]:
            continue
        columns = _row(line)
        for row_line in lines[at + 2 :]:
            row = _row(row_line)
            if "|" not in row_line or len(row) != len(columns) or len(row) < 2:
                break
            label, column, answer = plain(row[0]), plain(columns[1]), answer_of(row[1])
            if answer and len(label) > 2 and len(column) > 2:
                yield Fact("cell", answer, label=label, column=column)


def _row(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
