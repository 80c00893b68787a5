"""Takes what was asked for out of an answer: a document or code may stand in a fence, with prose around it.

Called by the rules. Reads Markdown as the journal's parser does: a fence that nothing closes is no fence.
"""

import re
from collections.abc import Iterable

from web4_agent.steps.journal.markdown import outline

_DOCUMENT_FENCES = frozenset({"", "markdown", "md", "text", "txt"})
_CODE_FENCES = frozenset({"", "ts", "typescript", "tsx", "js", "javascript"})
_CODE_BEGINS = re.compile(r"[ \t]*(?:import|export|class|abstract|interface|declare|@\w|//|/\*)")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})


def documents_in(answer: str) -> tuple[str, ...]:
    """Where a document may be: the answer as it stands, then the inside of each fence that can hold one."""
    return (_lf(answer), *_fenced(_lf(answer), _DOCUMENT_FENCES))


def code_in(answer: str) -> str:
    """The code of an answer: all of its fences of code; without one, from the first line of code to the last brace.

    A fence that is opened and never closed reaches to the end.
    """
    text = _lf(answer)
    found = list(_fenced(text, _CODE_FENCES))
    if found:
        return "\n".join(found)
    lines = text.split("\n")
    opened = next((number for number, line in enumerate(lines) if line.lstrip().startswith("```")), None)
    if opened is not None:
        return "\n".join(lines[opened + 1 :])
    begin = next((number for number, line in enumerate(lines) if _CODE_BEGINS.match(line)), 0)
    end = max((number for number, line in enumerate(lines) if "}" in line or line.rstrip().endswith(";")), default=-1)
    return "\n".join(lines[begin : end + 1])


def holds(text: str, wanted: Iterable[str]) -> bool:
    """Whether any of `wanted` stands in the text as whole words, whatever the case, emphasis and kind of quotes."""
    plain = plainly(text)
    return any(re.search(rf"(?<![\w.,]){re.escape(plainly(one))}(?!\w|[.,]\d)", plain) for one in wanted)


def plainly(text: str) -> str:
    """In lower case, with straight quotes, single blanks and without Markdown's emphasis."""
    return " ".join(text.translate(_QUOTES).replace("*", "").replace("`", "").lower().split())


def _fenced(text: str, names: frozenset[str]) -> list[str]:
    source = outline(text)
    return ["\n".join(source.lines[fence.first + 1 : fence.last]) for fence in source.fences if fence.info in names]


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
