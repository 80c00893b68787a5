"""What a person wrote, without what they pasted: no code blocks, quotes, logs or traces, and a few hundred words of it.

Called by the lexer. Knows the shapes of pasted text, not what any word means. Linear in the part that it looks at.
"""

import re

HEAD_CHARS, TAIL_CHARS = 2_000, 800
"""A question stands at the begin or at the end of what is pasted round it."""

HEAD_PROSE, TAIL_PROSE = 300, 250
"""And of a long tale the same: what is read of any text is read in less than a millisecond."""
HEAD_LINES, TAIL_LINES = 80, 40
"""Lines are looked at one by one, and of a few characters each they are many."""

_ENVELOPES = (
    "environment_details",
    "file_content",
    "file",
    "context",
    "selection",
    "code",
    "pre",
    "attachment",
    "document",
)
_ENVELOPE = re.compile(rf"<({'|'.join(_ENVELOPES)})(?:[ \t][^<>\n]{{0,300}})?>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]{0,8}(`{3,}|~{3,})", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]{1,200})`")
_PASTED = re.compile(
    r">|\s*at \S+[ (].*:\d+|\s*File \"|Traceback \(|diff --git |@@ |[+-]{3} [ab]/"
    r"|(?: {4}|\t)\s*(?!(?:[-*+]|\d{1,2}[.)]) )\S"
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\[?\d\d:\d\d:\d\d\b|(?:DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b[ :\]]"
    r"|[\w./-]{1,200}:\d{1,6}:\d{1,6}:|[$#%] \S"
)
_CODE_LINE = re.compile(r"[{};]\s*$|^\s*(?:import|from|const|let|var|def|class|return|#include|using|package) .*[;:({]")
_QUESTION = re.compile(r"\?\s*$")


def prose(text: str) -> str:
    """The words of `text` that its writer wrote for this query, code spans without their marks."""
    clipped = _clipped(text)
    without = _outside_fences(_outside_envelopes(clipped))
    written = without.split("\n")
    if len(written) > HEAD_LINES + TAIL_LINES:
        written = [*written[:HEAD_LINES], "", *written[-TAIL_LINES:]]
    lines = [line for line in written if not _is_pasted(line)]
    return _shortened(_INLINE.sub(_span, "\n".join(lines)).strip())


def _shortened(text: str) -> str:
    if len(text) <= HEAD_PROSE + TAIL_PROSE:
        return text
    head, tail = text[:HEAD_PROSE], text[-TAIL_PROSE:]
    return f"{head[: head.rfind(' ') + 1]}\n\n{tail[tail.find(' ') + 1 :]}"


def _clipped(text: str) -> str:
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    head, tail = text[:HEAD_CHARS], text[-TAIL_CHARS:]
    if _open_fence(text[:HEAD_CHARS]):  # what follows an open fence is code until the fence is closed in the tail
        closing = _FENCE.search(tail)
        tail = tail[closing.end() :] if closing else _last_question(tail)
        return f"{head}\n```\n{tail}"
    return f"{head}\n\n{tail}"


def _open_fence(text: str) -> bool:
    return len(_FENCE.findall(text)) % 2 == 1


def _last_question(text: str) -> str:
    """The end of an unclosed paste may hold the question all the same."""
    lines = text.rstrip().rsplit("\n", 1)
    return lines[-1] if _QUESTION.search(lines[-1]) else ""


def _outside_envelopes(text: str) -> str:
    """Without `<file_content …>…</file_content>` and the like, which assistants put round what they attach."""
    kept, at = [], 0
    unclosed: set[str] = set()
    while opening := _ENVELOPE.search(text, at):
        closing = f"</{opening[1]}>"
        end = -1 if closing in unclosed else text.find(closing, opening.end())
        kept.append(text[at : opening.start()])
        if end < 0:
            unclosed.add(closing)  # looked for once only, or many openings would cost the square of the length
        at = opening.end() if end < 0 else end + len(closing)
    return "\n".join([*kept, text[at:]])


def _outside_fences(text: str) -> str:
    """Without fenced blocks; one that is never closed reaches to the end, but for a question in the last line."""
    kept, at = [], 0
    while opening := _FENCE.search(text, at):
        kept.append(text[at : opening.start()])
        end_of_line = text.find("\n", opening.end())
        closing = text.find(opening[1], opening.end() if end_of_line < 0 else end_of_line)
        if closing < 0:
            return "\n".join([*kept, _last_question(text[opening.end() :])])
        at = closing + len(opening[1])
    return "\n".join([*kept, text[at:]])


def _is_pasted(line: str) -> bool:
    return bool(_PASTED.match(line) or _CODE_LINE.search(line[:400]))


def _span(found: re.Match[str]) -> str:
    """A code span counts with its first word: a path, a name, a command; the rest is code."""
    inside = found[1].strip()
    return inside.split(" ", 1)[0]
