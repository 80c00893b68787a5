"""Markdown as far as a journal needs it: lines, fences, headings and links, in one pass each.

Called by the parser and the chunker. Knows nothing of PDCA but the names of its sections. Every function is linear in
the length of its text, whatever the text: patterns are anchored or possessive, and nothing is scanned twice.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from web4_agent.domain.documents import SectionKind

TEXT, MARKER, FENCED = 0, 1, 2
"""What a line is: outside of fences, the line that opens or closes one, or a line within."""

_FENCE = re.compile(r"[ \t]*+(`{3,}+|~{3,}+)(.*)")
_NESTING = frozenset({"markdown", "md"})
_DEPTH_CAP = 8
_REOPENINGS_CAP = 4
"""How many unclosed fences are forgiven; each costs one look at the rest of the text. A further one hides it all."""

_HEADING = re.compile(r" {0,3}(#{1,6})(?!#)(.*)", re.DOTALL)
_BOLD_LINE = re.compile(r" {0,3}(?:\*\*|__)([^*_]{1,80})(?:\*\*|__)[ \t:]*$")
_UNDERLINE = re.compile(r" {0,3}(={3,}+|-{3,}+)[ \t]*$")
_INLINE_LINK = re.compile(r"!?\[([^\[\]]*+)\]\([^()]{0,2000}+\)")
_NUMBERING = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){0,4}[.)]|\(\d{1,3}\)|[IVX]{1,5}\.)\s+")
_CODE_SPAN = re.compile(r"(`++)[^`]*+\1")
_LINK = re.compile(
    r"\[((?:[^\[\]]|\[[^\[\]]{0,200}+\]){0,1000}+)\]"
    r"\(\s{0,3}<?((?:[^()\s<>]|\([^()\s<>]{0,200}+\)){0,2000}+)>?(?:\s{1,3}\"[^\"]{0,200}+\")?\s{0,3}\)"
)
_PDCA = re.compile(
    r"(?:(?:phase|step)\s+\d{1,2}\s*[:.–—-]\s*|[pdca]\s*[:–—-]\s*)?(plan|do|check|act)"
    r"(?:$|\s*[:(–—|/&]|\s+-|\s+(?:phase|section)\s*$)"
)
_NAMES: tuple[tuple[SectionKind, str], ...] = (
    (SectionKind.DECISIONS, r"qa[ -]decisions?|decisions|decision points"),
    (SectionKind.TRON, r"tron|user feedback|my answer"),
    (SectionKind.SUMMARY, r"(?:executive |session )?summary|tl;dr"),
    (SectionKind.LINKS, r"(?:dual |artifact )?links|(?:key )?art[ei]facts"),
    (SectionKind.REFLECTION, r"(?:emotional )?reflection|lessons learn(?:ed|t)"),
    (SectionKind.PROCESS, r"(?:pdca )?process update|process learning"),
    (SectionKind.META, r"meta(?:data)?"),
)
_NAMED = re.compile("|".join(f"(?P<{kind}>{names})" for kind, names in _NAMES).join(("(?:", r")(?![\w-])")))


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: the numbers of its opening and closing lines, and the word after the opening marks."""

    first: int
    last: int
    info: str


@dataclass(frozen=True, slots=True)
class Outline:
    """A text by lines. `marks` has one of TEXT, MARKER, FENCED per line."""

    lines: tuple[str, ...]
    marks: bytearray
    fences: tuple[Fence, ...]
    unclosed: tuple[int, ...]
    """Lines that open a fence which nothing closes; they count as text."""


@dataclass(frozen=True, slots=True)
class Heading:
    """`lines` of source that the heading takes (two when it is underlined), from `line` on."""

    line: int
    lines: int
    level: int
    text: str
    kind: SectionKind


@dataclass(frozen=True, slots=True)
class FoundLink:
    text: str
    url: str
    start: int
    end: int


def outline(text: str) -> Outline:
    """Split LF-normalised text into lines and find its fences.

    Within a fence named `markdown` a further named fence nests, as writers mean it (by CommonMark the inner one's end
    would end the outer). A fence that nothing closes is no fence: else one slip hides the rest of the document.
    """
    lines = tuple(text.split("\n"))
    marks = bytearray(len(lines))
    fences: list[Fence] = []
    unclosed: list[int] = []
    fence_lines = [_FenceLine(index, *_fence_parts(line)) for index, line in enumerate(lines) if _is_fence(line)]
    at = 0
    while at < len(fence_lines):
        opening = fence_lines[at]
        stop = _closing(fence_lines, at)
        if stop is None and len(unclosed) < _REOPENINGS_CAP:
            unclosed.append(opening.line)
            at += 1
            continue
        last = fence_lines[stop].line if stop is not None else len(lines) - 1
        fences.append(Fence(opening.line, last, _info(opening.name)))
        marks[opening.line : last + 1] = bytes([FENCED]) * (last + 1 - opening.line)
        marks[opening.line] = marks[last] = MARKER
        at = stop + 1 if stop is not None else len(fence_lines)
    return Outline(lines, marks, tuple(fences), tuple(unclosed))


class _FenceLine(NamedTuple):
    line: int
    mark: str
    name: str


def _closing(fence_lines: Sequence[_FenceLine], at: int) -> int | None:
    """The index of the fence line that closes the one at `at`; None if nothing does."""
    opening = fence_lines[at]
    nests, depth = _info(opening.name) in _NESTING, 1
    for index in range(at + 1, len(fence_lines)):
        _, mark, name = fence_lines[index]
        if mark[0] != opening.mark[0] or len(mark) < len(opening.mark):
            continue
        if not name:
            depth -= 1
            if depth == 0:
                return index
        elif nests and depth < _DEPTH_CAP:
            depth += 1
    return None


def _is_fence(line: str) -> bool:
    """Three back-ticks that close on the same line are code within a sentence, not a fence."""
    match = _FENCE.match(line)
    return match is not None and not (match[1][0] == "`" and "`" in match[2])


def _fence_parts(line: str) -> tuple[str, str]:
    """The marks of a fence line, and what stands behind them."""
    bare = line.lstrip(" \t")
    rest = bare.lstrip(bare[0])
    return bare[: len(bare) - len(rest)], rest.strip()


def _info(name: str) -> str:
    return name.split(maxsplit=1)[0].lower() if name else ""


def headings(source: Outline, *, bold: bool = False) -> tuple[Heading, ...]:
    """All headings outside of fences, in order. With `bold`, a line that is but a bold section name counts as one."""
    found: list[Heading] = []
    for number, line in enumerate(source.lines):
        if source.marks[number] != TEXT:
            continue
        if heading := _heading(line, number) or (_bold_heading(line, number) if bold else None):
            found.append(heading)
        elif underlined := _underlined(source, number):
            found.append(underlined)
    return tuple(found)


def _heading(line: str, number: int) -> Heading | None:
    match = _HEADING.match(line)
    if match is None:
        return None
    body = match[2]
    # "#word" is a tag and "##word" a heading whose writer forgot the blank.
    if not body.strip() or (not body[0].isspace() and len(match[1]) == 1):
        return None
    text = clean_heading(body)
    return Heading(number, 1, len(match[1]), text, classify(text))


def _bold_heading(line: str, number: int) -> Heading | None:
    match = _BOLD_LINE.match(line)
    text = clean_heading(match[1]) if match else ""
    kind = classify(text)
    return Heading(number, 1, 2, text, kind) if kind in _REQUIRED else None


def _underlined(source: Outline, number: int) -> Heading | None:
    """A line underlined by the next one. Dashes are mostly rules here, so they count under a section's name only."""
    if number + 1 >= len(source.lines) or source.marks[number + 1] != TEXT or not source.lines[number].strip():
        return None
    rule = _UNDERLINE.match(source.lines[number + 1])
    if rule is None or len(source.lines[number]) > 300 or _UNDERLINE.match(source.lines[number]):
        return None
    text = clean_heading(source.lines[number])
    kind, level = classify(text), 1 if rule[1][0] == "=" else 2
    return None if level == 2 and kind is SectionKind.OTHER else Heading(number, 2, level, text, kind)


_REQUIRED = (SectionKind.PLAN, SectionKind.DO, SectionKind.CHECK, SectionKind.ACT)


def clean_heading(text: str) -> str:
    """A heading without marks, emoji at its ends, numbering and closing colon: `**📋 2. PLAN:**` is `PLAN`."""
    plain = _INLINE_LINK.sub(r"\1", text).replace("*", "").replace("`", "")
    plain = " ".join(plain.split()).rstrip("# ")
    core = plain[_first_word(plain) :]
    numbered = _NUMBERING.match(core)
    if numbered and len(numbered[0]) < len(core):
        rest = core[numbered.end() :]
        core = rest[_first_word(rest) :] or core
    end = len(core)
    while end and not (core[end - 1].isalnum() or core[end - 1] in ")]\"'”?!.%"):
        end -= 1
    return core[:end] or plain


def _first_word(text: str) -> int:
    """Where the text proper begins: past emoji, dashes and other symbols. An opening bracket or quote belongs to it."""
    start = 0
    while start < len(text) and not (text[start].isalnum() or text[start] in "([\"'“/.§"):
        start += 1
    return start


def classify(heading: str) -> SectionKind:
    """What a cleaned heading means; OTHER if it names no known section."""
    lowered = heading[:200].lower()
    if match := _PDCA.match(lowered):
        return SectionKind(match[1])
    named = _NAMED.match(lowered)
    return SectionKind(named.lastgroup) if named and named.lastgroup else SectionKind.OTHER


def links_of(line: str) -> Iterator[FoundLink]:
    """The inline links of one line, left to right, code spans passed over. Images are links too."""
    if "](" not in line:
        return
    bare = _CODE_SPAN.sub(lambda span: " " * len(span[0]), line) if "`" in line else line
    for match in _LINK.finditer(bare):
        yield FoundLink(match[1].strip(), match[2], match.start(), match.end())
