"""Sections of a document from its headings, its title, and the links of its lines.

Called by the parser. Knows the house's section names through markdown.classify; linear in the number of lines.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from web4_agent.domain.documents import Link, LinkKind, Section, SectionKind
from web4_agent.steps.journal.header import neighbour_of
from web4_agent.steps.journal.markdown import TEXT, FoundLink, Heading, Outline, links_of

_BOILERPLATE = re.compile(r"(?:PDCA(?:\s+(?:cycle|entry|report|document))?)\s*(?:[:–—]|-\s)\s*", re.IGNORECASE)
_RULE = re.compile(r" {0,3}(?:-{3,}|\*{3,}|_{3,})[ \t]*$")
_FILE_NAME = re.compile(r"[^\s/\[\]()<>|]{1,200}[.-]pdca\.md", re.IGNORECASE)
_NEIGHBOURLY = frozenset({SectionKind.META, SectionKind.LINKS})
LINKS_CAP = 5_000


def title_of(found: Sequence[Heading]) -> tuple[str, int]:
    """The title and the index of its heading: the first of level 1 that names no section, else the very first heading.

    ("", -1) where there is none. "PDCA Cycle:" and its kin in front are left out.
    """
    for index, heading in enumerate(found):
        if heading.kind is SectionKind.OTHER and (heading.level == 1 or index == 0):
            return _BOILERPLATE.sub("", heading.text, count=1).strip() or heading.text, index
        if heading.level == 1 and index > 8:
            break
    return "", -1


def build_sections(source: Outline, found: Sequence[Heading], title: int, first_line: int) -> tuple[Section, ...]:
    """One section per heading, and one (level 0, kind META) for text above the first heading.

    The title's section is META too, and its path is empty: its text is the header's fields. `first_line` is where the
    document proper begins, after its front matter.
    """
    sections: list[Section] = []
    stop = found[0].line if found else len(source.lines)
    if preamble := "\n".join(source.lines[first_line:stop]).strip():
        sections.append(Section(SectionKind.META, "", (), 0, preamble))
    above: list[tuple[int, str, SectionKind]] = []
    for index, heading in enumerate(found):
        stop = found[index + 1].line if index + 1 < len(found) else len(source.lines)
        text = _body(source.lines[heading.line + heading.lines : stop])
        if index == title:
            sections.append(Section(SectionKind.META, heading.text, (), heading.level, text))
            continue
        while above and above[-1][0] >= heading.level:
            above.pop()
        kind = heading.kind
        if kind is SectionKind.OTHER and above:
            kind = above[-1][2]
        above.append((heading.level, heading.text, kind))
        sections.append(Section(kind, heading.text, tuple(name for _, name, _ in above), heading.level, text))
    return tuple(sections)


def _body(lines: Sequence[str]) -> str:
    """A section's text without the blank lines and rules (`---`) around it."""
    stop = len(lines)
    while stop and (not lines[stop - 1].strip() or _RULE.match(lines[stop - 1])):
        stop -= 1
    return "\n".join(lines[:stop]).strip("\n").rstrip()


def find_links(source: Outline, kinds: Sequence[SectionKind]) -> tuple[Link, ...]:
    """Links outside of fences, in order. `kinds` has the section kind of each line.

    A dual link is one Link: the repository path's side, marked `dual`. Fields such as Previous PDCA, in the header, in
    Meta and in Links, make a link PREVIOUS or NEXT; a bare file name is enough there.
    """
    links: list[Link] = []
    for number, line in enumerate(source.lines):
        if source.marks[number] != TEXT or len(links) >= LINKS_CAP:
            continue
        side = neighbour_of(line) if kinds[number] in _NEIGHBOURLY else ""
        if side:
            links.extend(_neighbours(line, LinkKind.PREVIOUS if side == "back" else LinkKind.NEXT))
        elif "](" in line:
            links.extend(_references(line))
    return tuple(links[:LINKS_CAP])


def _neighbours(line: str, kind: LinkKind) -> list[Link]:
    """The links of a Previous, Follows, Next or Precedes field, one per file they name."""
    named: dict[str, Link] = {}
    for link in _references(line):
        if link.target.lower().endswith(".md"):
            named[link.target] = Link(kind, link.text, link.url, link.target, link.dual)
    if not named and (bare := _FILE_NAME.search(line[:4_000])):
        named[bare[0]] = Link(kind, bare[0], bare[0], file_name(bare[0]))
    return list(named.values())


def _references(line: str) -> list[Link]:
    pairs: list[Link] = []
    before: FoundLink | None = None
    for found in links_of(line):
        if found.url.startswith("#") or not found.url:
            continue
        dual = before is not None and line[before.end : found.start].strip() == "|" and "://" in before.url
        link = Link(LinkKind.REFERENCE, found.text, found.url, file_name(found.url), dual)
        if dual:
            pairs[-1] = link
            before = None
        else:
            pairs.append(link)
            before = found
    return pairs


def file_name(url: str) -> str:
    """The last part of a URL's or path's path, percent-decoded; empty for mail addresses and bare hosts.

    Only text is looked at: a path with `..` never reaches the file system.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # an ill-formed host, as in http://[x
        return ""
    if parts.scheme in {"mailto", "data", "javascript"}:
        return ""
    name = PurePosixPath(unquote(parts.path).replace("\\", "/").replace("\x00", "")).name
    return "" if name in {"", ".", ".."} else name
