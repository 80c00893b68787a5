"""Text of a journal as a learner should see it: Markdown taken off answers, links and template lines out of targets.

Called by the other files of this folder. Knows nothing of samples, nights or seeds.

The comparison used everywhere is by words (`words`): emoji, Markdown marks and line breaks do not count, so an answer
that lost its bold is still a span of the text it came from.
"""

import re
import unicodedata
from collections.abc import Iterable

GRAM_WORDS = 13
"""Length in words of the n-gram whose recurrence counts as a copy; the figure usual for contamination checks."""

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_URL = re.compile(r"\b(?:https?|ssh|git)://\S+")
_MARKS = re.compile(r"\*\*|__|~~|`+")
_BULLET = re.compile(r"^\s*(?:>\s*)*(?:#{1,6}\s+|[-*+]\s+|\d{1,2}[.)]\s+)?(?:\[[ xX]\]\s*)?")
_WORD = re.compile(r"\w+")
_EMPTY_ANSWERS = frozenset(
    """n/a|na|none|nil|null|tbd|todo|pending|unknown|yes|no|ok|done|complete|completed|success|successful|github|link
    |links|true|false|local|here|see|above|below|active|ready""".replace("\n    ", "").split("|")
)
_NOT_AT_START = " \t-–—→←=>:;,.|*_~)]}!?•·/\\+&"
_NOT_AT_END = " \t-–—→←=:;,.|*_~([{<•·/\\+&"
_CLAUSE_ENDS = (". ", "; ", " - ", " – ", " — ", " → ", ", ", " (")
_SHORTEST_CLAUSE = 40
_LONGEST_LINK_LINE = 300


def words(text: str) -> list[str]:
    """The words of a text, case-folded, without Markdown, addresses and emoji."""
    return _WORD.findall(_URL.sub(" ", _LINK.sub(r"\1", text)).casefold().replace("_", " "))


def span(text: str) -> str:
    """The words alone between single spaces: of a part without gaps it is contained in that of the whole."""
    return f" {' '.join(words(text))} "


def supported(answer: str, text: str) -> bool:
    """Whether the words of `answer` stand in `text`, all, in order and without a gap."""
    return bool(words(answer)) and span(answer) in span(text)


def grams(text: str) -> frozenset[int]:
    """Hashes of all runs of 13 words; empty for shorter texts. Stable within a process only: never store them."""
    run = words(text)
    return frozenset(hash(tuple(run[at : at + GRAM_WORDS])) for at in range(len(run) - GRAM_WORDS + 1))


def line_key(line: str) -> str:
    """What two lines must share to count as the same line."""
    return " ".join(words(line))


def plain(text: str) -> str:
    """One line of text without Markdown marks, link targets, bullets and emoji."""
    bare = _MARKS.sub("", _LINK.sub(r"\1", _BULLET.sub("", text)))
    return " ".join("".join(" " if _is_emoji(char) else char for char in bare).split())


def title_of(raw: str) -> str:
    """A document's title without emoji, bold and the prefix that every title has ("PDCA Cycle:")."""
    title = re.sub(r"^(?:pdca)?\s*(?:cycle|entry|document)?\s*[:–—-]\s*", "", plain(raw), flags=re.IGNORECASE)
    return _trim(title)


def answer_of(raw: str, limit: int = 160) -> str:
    """A value cleaned to be an answer of at most `limit` characters, or an empty string where it can't be one.

    Cut at the end of a sentence or clause only, never inside one; refuses links, paths of links, empty arrows,
    placeholders ("N/A") and values without a letter or digit.
    """
    if any(mark in raw for mark in ("](", "§", " | ")) or _URL.search(raw):
        return ""
    answer = shorten(_trim(plain(raw)), limit)
    if len(answer) < 2 or answer.casefold() in _EMPTY_ANSWERS or answer.casefold().startswith("n/a"):
        return ""
    return answer if any(char.isalnum() for char in answer) and balanced(answer) else ""


def shorten(text: str, limit: int) -> str:
    """The text up to its last clause end within `limit`; empty where there is none."""
    if len(text) <= limit:
        return text
    for end in _CLAUSE_ENDS:
        at = text.rfind(end, _SHORTEST_CLAUSE, limit)
        if at > 0:
            return _trim(text[:at])
    return ""


def balanced(text: str) -> bool:
    """Whether brackets and double quotes come in pairs: a cut that leaves one open reads as damage."""
    return text.count("(") == text.count(")") and text.count("[") == text.count("]") and text.count('"') % 2 == 0


def is_link_line(line: str) -> bool:
    """Whether most of a line is addresses: costly to learn, nothing to know."""
    links = sum(len(match.group()) for match in _LINK.finditer(line)) + sum(len(m) for m in _URL.findall(line))
    return links > 0.5 * len(line.strip()) > 0


def body(text: str, limit: int, template: frozenset[str] = frozenset(), *, links: bool = False) -> str:
    """The lines of `text` worth learning, up to `limit` characters, cut between lines.

    A heading left without its text by the cut goes too; a code fence left open is closed.
    """
    kept: list[str] = []
    size = 0
    for line in worth_learning(text.splitlines(), template, links=links):
        if size + len(line) + 1 > limit:
            break
        kept.append(line.rstrip())
        size += len(line) + 1
    while kept and (not kept[-1].strip() or _opens(kept)):
        kept.pop()
    if _fences(kept) % 2:
        kept.append("```")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def worth_learning(lines: Iterable[str], template: frozenset[str], *, links: bool = False) -> list[str]:
    """The lines without rules, template lines and link lines.

    With `links` the first labelled link line of moderate length stays: it shows the form of a dual link.
    """
    kept = []
    for line in lines:
        if set(line.strip()) in ({"-"}, {"*"}, {"="}) or line_key(line) in template:
            continue
        if is_link_line(line):
            if not links or "**" not in line or len(line) > _LONGEST_LINK_LINE:
                continue
            links = False
        kept.append(line)
    return kept


def _opens(lines: list[str]) -> bool:
    """Whether the last line opens something that holds nothing yet: a heading, a label, or a fence."""
    last = lines[-1].strip()
    return last.startswith("#") or last.endswith((":", ":**")) or (last.startswith("```") and _fences(lines) % 2 == 1)


def _fences(lines: list[str]) -> int:
    return sum(line.lstrip().startswith("```") for line in lines)


def _trim(text: str) -> str:
    text = text.strip().lstrip(_NOT_AT_START) if not re.match(r"\s*(?:\.{1,2}/|[./])\w", text) else text.strip()
    text = text.rstrip(_NOT_AT_END).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _is_emoji(char: str) -> bool:
    return char in "\ufe0f\u200d\u20e3" or unicodedata.category(char) in {"So", "Sk", "Cn", "Co"}
