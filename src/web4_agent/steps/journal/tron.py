"""TRON blocks of a document: full Trigger / Response / Outcome / Next blocks, and feedback quotes with their answer.

Called by the parser. A feedback section is the house's short form: the user's words in a fence named `quote`, then a
section "My Answer". Linear: one walk over the lines.
"""

import re
from collections.abc import Sequence

from web4_agent.domain.documents import Section, SectionKind, Tron
from web4_agent.steps.journal.header import field_of
from web4_agent.steps.journal.markdown import FENCED, MARKER, Heading, Outline

_PARTS = {
    "trigger": "trigger",
    "response": "response",
    "outcome": "outcome",
    "next": "next",
    "next step": "next",
    "next steps": "next",
    "next action": "next",
    "next actions": "next",
}
_PREFIX = re.compile(r"(?:tron\s|[tron]\s)?")
_ITEM = re.compile(r"\s*(?:[-*+>]|\d{1,3}[.)])\s")
_QUOTE_CAP = 20_000


def find_trons(source: Outline, found: Sequence[Heading], sections: Sequence[Section]) -> tuple[Tron, ...]:
    """Full blocks in the order of the text, then feedback sections in theirs."""
    return (*_full_blocks(source, found), *_feedback(sections))


def _full_blocks(source: Outline, found: Sequence[Heading]) -> list[Tron]:
    """Every block that begins with a Trigger, as fields or as headings; it ends at a heading or after its Next."""
    by_line = {heading.line: heading for heading in found}
    blocks: list[dict[str, list[str]]] = []
    part = ""
    for number, line in enumerate(source.lines):
        heading = by_line.get(number)
        name, rest = _part_of(line, heading) if source.marks[number] not in {FENCED, MARKER} else ("", "")
        if name == "trigger":
            blocks.append({})
        if name and blocks and (name == "trigger" or (part and name not in blocks[-1])):
            blocks[-1][name] = [rest]
            part = name
        elif heading is not None or (part == "next" and _ends(line, blocks[-1]["next"])):
            part = ""
        elif part:
            blocks[-1][part].append(line)
    return [Tron(**{name: "\n".join(lines).strip() for name, lines in block.items()}) for block in blocks]


def _part_of(line: str, heading: Heading | None) -> tuple[str, str]:
    """The part a line names, and its text on that line: `**Trigger:** x`, `### Trigger`, `- Next: y`."""
    if heading is not None:
        return _PARTS.get(_bare(heading.text.lower()), ""), ""
    found = field_of(line)
    return (_PARTS.get(_bare(found[0]), ""), found[1]) if found else ("", "")


def _bare(name: str) -> str:
    """`tron trigger`, `t trigger` and `trigger` are the same part."""
    match = _PREFIX.match(name)
    return name[match.end() :].strip() if match else name


def _ends(line: str, collected: list[str]) -> bool:
    """Whether a block ends before this line: after a blank line that follows Next's text, but not within a list."""
    begun = any(text.strip() for text in collected[:2])
    return begun and not collected[-1].strip() and bool(line.strip()) and _ITEM.match(line) is None


def _feedback(sections: Sequence[Section]) -> list[Tron]:
    """Feedback sections, each with the section "My Answer" that follows it before another feedback."""
    trons: list[Tron] = []
    for section in sections:
        if section.kind is not SectionKind.TRON:
            continue
        if section.heading.lower().startswith("my answer"):
            if trons and trons[-1].quote and not trons[-1].response:
                trons[-1] = Tron(response=section.text.strip(), quote=trons[-1].quote)
            continue
        if quote := quoted(section.text):
            trons.append(Tron(quote=quote))
    return trons


def quoted(text: str) -> str:
    """The words in fences named `quote`, else in block quotes; empty where there are none."""
    fenced: list[str] = []
    block: list[str] = []
    inside = False
    for line in text[:_QUOTE_CAP].split("\n"):
        bare = line.strip()
        if bare.startswith("```"):
            inside = not inside and bare[3:].lower().startswith("quote")
        elif inside:
            fenced.append(line)
        elif bare.startswith(">"):
            block.append(bare.lstrip("> "))
    return "\n".join(fenced or block).strip()
