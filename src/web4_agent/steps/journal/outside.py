"""Text in a document that the team did not write: output of tools, and what was pasted from the web.

Called by the night, which builds samples without it and bounds what one site may contribute. Goes by signs: the name of
a fence, a command or a label before it, a block quote with its address, a line that names its source. Text that was
pasted without a sign is not known for what it is.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from web4_agent.domain.documents import Document, Tron
from web4_agent.steps.journal.markdown import MARKER, TEXT, Fence, Outline, outline

TOOL = "tool output"
"""The source of what no address names."""

DRAWN = 1 / 3
"""Of a document's characters: from so much on it is said to draw on a site, and counts to that site's share."""

_OUTPUT = frozenset(
    {"output", "console", "log", "logs", "stdout", "stderr", "terminal", "traceback", "shell-session", "sh-session"}
)
_COMMANDS = frozenset({"bash", "sh", "shell", "zsh", "fish", "powershell", "ps1", "cmd", "bat"})
_BARE = frozenset({"", "text", "txt", "plain", "plaintext"})
_TYPED = re.compile(r"\s*\$ ")
"""A command within a session: the team's own words."""

_SAYS_OUTPUT = re.compile(
    r"^\W*(?:(?:the |console |terminal |command |tool |test )?(?:output|stdout|stderr|log)|tool result|ausgabe|prints"
    r"|printed|returns|returned)\b[^.!?]{0,60}:\W*$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\"'`]+")
_NAMES_SOURCE = re.compile(
    r"^\W*(?:source|quelle|from|via|quoted from|copied from|pasted from|taken from|excerpt from)\b"
    r"\W{0,6}(?:\[[^\]\n]{0,120}\]\()?<?https?://",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"^[\s>]*(?:[—–-]+\s*)?(?:\(|(?:source|quelle|from|via)\b\W{0,4})?(?:\[[^\]\n]{0,120}\]\()?<?https?://\S+$",
    re.IGNORECASE,
)
"""A line of a block quote that is its address and no more: a person's words that mention one are quoted too."""

_HEADING = re.compile(r" {0,3}#{1,6}\s")


@dataclass(frozen=True, slots=True)
class Outside:
    """`lines` count from 0; `sources` has the characters of each host, and of `TOOL`."""

    lines: frozenset[int]
    sources: Mapping[str, int]


def find_outside(text: str) -> Outside:
    """The lines that come from elsewhere. The marks of a fence that is outside go with it, unless a command stays."""
    source = outline(text)
    owner: dict[int, str] = {}
    for fence in source.fences:
        if _is_output(source, fence):
            owner |= dict.fromkeys(_inside(source, fence), TOOL)
    for quote in _quotes(source):
        if host := next((_host(source.lines[at]) for at in quote if _SIGNED.match(source.lines[at])), ""):
            owner |= dict.fromkeys(quote, host)
    for number, line in enumerate(source.lines):
        if source.marks[number] == TEXT and _NAMES_SOURCE.match(line):
            host = _host(line) or TOOL
            owner |= dict.fromkeys([number, *_attributed(source, number)], host)
    sources: Counter[str] = Counter()
    for number, name in owner.items():
        sources[name] += len(source.lines[number])
    return Outside(frozenset(owner), dict(sources))


def without_outside(document: Document) -> Document:
    """The document without what the team did not write."""

    def own(text: str) -> str:
        outside = find_outside(text).lines
        if not outside:
            return text
        return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in outside)

    return replace(
        document,
        text=own(document.text),
        sections=tuple(replace(section, text=own(section.text)) for section in document.sections),
        trons=tuple(
            Tron(own(tron.trigger), own(tron.response), own(tron.outcome), own(tron.next), own(tron.quote))
            for tron in document.trons
        ),
    )


def drawn_from(document: Document) -> str:
    """The site that a third and more of the document is pasted from; empty where there is none.

    A site and not the author: a journal's authors are the team's own few agents, and a tenth for each would leave most
    of a night untrained.
    """
    sources = {name: size for name, size in find_outside(document.text).sources.items() if name != TOOL}
    name = max(sources, key=lambda one: (sources[one], one), default="")
    return name if name and sources[name] >= DRAWN * len(document.text) else ""


def _is_output(source: Outline, fence: Fence) -> bool:
    if fence.info in _OUTPUT:
        return True
    before = _before(source, fence.first)
    if before is None:
        return False
    if source.marks[before] == MARKER:
        return fence.info in _BARE and any(one.last == before and one.info in _COMMANDS for one in source.fences)
    return bool(_SAYS_OUTPUT.match(source.lines[before]))


def _before(source: Outline, line: int) -> int | None:
    """The last line before this one that is not empty."""
    return next((at for at in range(line - 1, -1, -1) if source.lines[at].strip()), None)


def _inside(source: Outline, fence: Fence) -> Sequence[int]:
    inner = range(fence.first + 1, fence.last)
    pasted = [at for at in inner if not _TYPED.match(source.lines[at])]
    return pasted if len(pasted) < len(inner) else range(fence.first, fence.last + 1)


def _quotes(source: Outline) -> list[range]:
    """Runs of lines that begin with `>`, outside of fences."""
    found: list[range] = []
    for number, line in enumerate(source.lines):
        if source.marks[number] == TEXT and line.lstrip().startswith(">"):
            if found and found[-1].stop == number:
                found[-1] = range(found[-1].start, number + 1)
            else:
                found.append(range(number, number + 1))
    return found


def _attributed(source: Outline, line: int) -> Sequence[int]:
    """What a line that names a source speaks of: the quote or fence after it, or before it; else the paragraph that it
    ends, or that it stands before."""
    after, before = _block(source, line, 1), _block(source, line, -1)
    for block in (after, before):
        if block and (source.marks[block[0]] == MARKER or source.lines[block[0]].lstrip().startswith(">")):
            return block
    touching = line > 0 and bool(source.lines[line - 1].strip())
    return before if touching or not after else after


def _block(source: Outline, line: int, step: int) -> Sequence[int]:
    """The fence, or the run of lines without a gap or heading, that is next to a line in a direction."""
    at = line + step
    while 0 <= at < len(source.lines) and not source.lines[at].strip():
        at += step
    if not 0 <= at < len(source.lines):
        return ()
    if source.marks[at] != TEXT:
        return next((range(one.first, one.last + 1) for one in source.fences if at in {one.first, one.last}), ())
    found: list[int] = []
    while (
        0 <= at < len(source.lines)
        and source.lines[at].strip()
        and source.marks[at] == TEXT
        and not _HEADING.match(source.lines[at])
    ):
        found.append(at)
        at += step
    return sorted(found)


def _host(text: str) -> str:
    address = _ADDRESS.search(text)
    if address is None:
        return ""
    try:
        return urlsplit(address[0]).hostname or ""
    except ValueError:  # a bracket that opens an IPv6 address and does not close it
        return ""
