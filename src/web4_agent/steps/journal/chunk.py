"""Cuts a document into pieces that fit the embedder, section by section, each headed by its title and heading path.

Called by the indexing flow. Knows no tokenizer: the caller hands over how tokens are counted. Nothing of the text is
left out: every word of a section is in one of its chunks.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from web4_agent.domain.documents import Chunk, Document, Section
from web4_agent.domain.ids import ChunkId

USUAL_TOKENS = 256
"""What the usual embedder reads."""

CountTokens = Callable[[Sequence[str]], list[int]]
"""Tokens of each text, uncut. Called a handful of times a document, with many texts at once."""

_TITLE_CHARS, _HEADING_CHARS = 120, 80
_CHARS_PER_TOKEN_CAP = 12
"""A run without blanks may count as one unknown token; no piece is longer than this times its tokens."""

_UNCOUNTED = -1
_PARAGRAPH = re.compile(r"\n[ \t]*+\n\s*+")
_SENTENCE = re.compile(r"(?<=[.!?;])\s++")
Split = Callable[[str, int, int], list[str]]
"""Cuts a text of so many tokens into parts, of which each should have room."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of a section's text that stays whole; `joint` is what stood between it and the part before."""

    text: str
    tokens: int
    joint: str


@dataclass(frozen=True, slots=True)
class _Passage:
    """A section's prefix and body on their way to chunks."""

    section: Section
    prefix: str
    body: str

    @property
    def text(self) -> str:
        return f"{self.prefix}\n{self.body}".strip()


def chunk_document(document: Document, count_tokens: CountTokens, max_tokens: int = USUAL_TOKENS) -> tuple[Chunk, ...]:
    """The document's chunks in order, each of at most `max_tokens` as `count_tokens` counts them.

    A section that fits is one chunk; a longer one is cut at paragraphs, else list items and lines, else sentences, else
    anywhere, and packed again. Ids depend on the document's id, its content, the position and `max_tokens` alone: what
    is cut otherwise is another chunk.
    """
    passages = _passages(document, count_tokens, max_tokens)
    limit = max_tokens * _CHARS_PER_TOKEN_CAP
    counts = count_tokens([passage.text for passage in passages]) if passages else []
    pieces: list[tuple[_Passage, int]] = []
    for passage, tokens in zip(passages, counts, strict=True):
        if tokens <= max_tokens and len(passage.text) <= limit:
            pieces.append((passage, tokens))
        else:
            pieces.extend((cut, _UNCOUNTED) for cut in _cut(passage, count_tokens, max_tokens))
    return tuple(
        Chunk(_chunk_id(document, at, max_tokens), document.id, piece.section.kind, piece.section.path, piece.text, at)
        for at, piece in enumerate(_verified(pieces, count_tokens, max_tokens))
    )


def _passages(document: Document, count_tokens: CountTokens, max_tokens: int) -> list[_Passage]:
    """One passage per section with text. A heading without goes into the path of what is below, or before the next."""
    passages: list[_Passage] = []
    carried: list[str] = []
    prefixes = _prefixes(document, count_tokens, max_tokens)
    following = [*zip(document.sections[1:], prefixes[1:], strict=True), None]
    for section, prefix, below in zip(document.sections, prefixes, following, strict=True):
        name = section.path[-1] if section.path else document.title
        if section.text:
            shown = not section.heading or name in prefix
            lines = [*carried, section.text] if shown else [*carried, section.heading, section.text]
            passages.append(_Passage(section, prefix, "\n".join(lines)))
            carried = []
        elif below is None or below[0].path[: len(section.path)] != section.path or name not in below[1]:
            carried.append(section.heading)
    if carried:
        passages.append(_Passage(document.sections[-1], prefixes[-1], "\n".join(carried)))
    return passages


def _prefixes(document: Document, count_tokens: CountTokens, max_tokens: int) -> list[str]:
    """Title and heading path of each section, halved until they leave half of the tokens to the text."""
    written = [_prefix(document.title, section.path) for section in document.sections]
    waiting = list(dict.fromkeys(written))
    fitting: dict[str, str] = {}
    shortened = {prefix: prefix for prefix in waiting}
    while waiting:
        counts = count_tokens([shortened[prefix] for prefix in waiting])
        long = []
        for prefix, tokens in zip(waiting, counts, strict=True):
            if tokens <= max_tokens // 2 or not shortened[prefix]:
                fitting[prefix] = shortened[prefix]
            else:
                shortened[prefix] = shortened[prefix][: len(shortened[prefix]) // 2].rstrip()
                long.append(prefix)
        waiting = long
    return [fitting[prefix] for prefix in written]


def _prefix(title: str, path: Sequence[str]) -> str:
    steps = [step if len(step) <= _HEADING_CHARS else f"{step[:_HEADING_CHARS]}…" for step in path]
    named = title if len(title) <= _TITLE_CHARS else f"{title[:_TITLE_CHARS]}…"
    return "\n".join(line for line in (named, " > ".join(steps)) if line)


def _cut(passage: _Passage, count_tokens: CountTokens, max_tokens: int) -> list[_Passage]:
    """Cut a body at the gentlest places that make it fit, and pack the parts again, in order."""
    room = max(8, max_tokens - count_tokens([passage.prefix])[0])
    parts = [_Part(passage.body, room + 1, "")]
    for split, joint in _LEVELS:
        parts = _split_long(parts, room, split, joint, count_tokens)
    return [_Passage(passage.section, passage.prefix, body) for body in _packed(parts, room)]


def _fits(part: _Part, room: int) -> bool:
    return part.tokens <= room and len(part.text) <= room * _CHARS_PER_TOKEN_CAP


def _split_long(
    parts: Sequence[_Part],
    room: int,
    split: Split,
    joint: str,
    count_tokens: CountTokens,
) -> list[_Part]:
    """Replace each part that is too long by its cuts; all new parts are counted in one call."""
    if all(_fits(part, room) for part in parts):
        return list(parts)
    texts: list[tuple[str, str, int]] = []
    for part in parts:
        if _fits(part, room):
            texts.append((part.text, part.joint, part.tokens))
        else:
            cuts = [cut for cut in split(part.text, part.tokens, room) if cut.strip()]
            texts.extend((cut, joint if at else part.joint, _UNCOUNTED) for at, cut in enumerate(cuts))
    counted = iter(count_tokens([text for text, _, tokens in texts if tokens == _UNCOUNTED]))
    return [_Part(text, next(counted) if tokens == _UNCOUNTED else tokens, between) for text, between, tokens in texts]


def _windows(text: str, tokens: int, room: int) -> list[str]:
    """Cut anywhere, at a blank where one is near: pieces that hold `room` tokens if tokens are spread evenly."""
    size = max(1, min(len(text) * room // max(1, tokens), room * _CHARS_PER_TOKEN_CAP))
    windows: list[str] = []
    start = 0
    while start < len(text):
        stop = min(len(text), start + size)
        blank = text.rfind(" ", start + size // 2, stop) if stop < len(text) else -1
        stop = blank + 1 if blank > start else stop
        windows.append(text[start:stop])
        start = stop
    return windows


def _paragraphs(text: str, _tokens: int, _room: int) -> list[str]:
    return _PARAGRAPH.split(text)


def _lines(text: str, _tokens: int, _room: int) -> list[str]:
    return text.split("\n")


def _sentences(text: str, _tokens: int, _room: int) -> list[str]:
    return _SENTENCE.split(text)


_LEVELS: tuple[tuple[Split, str], ...] = ((_paragraphs, "\n\n"), (_lines, "\n"), (_sentences, " "), (_windows, ""))
"""How a text that is too long is cut, from the gentlest on, and what stands between the parts when packed again."""


def _packed(parts: Iterable[_Part], room: int) -> list[str]:
    """Fill each body up to `room`. Counts add up to no less than the whole's, as each has its special tokens."""
    bodies: list[list[str]] = []
    tokens = characters = 0
    for part in parts:
        tokens += part.tokens
        characters += len(part.text)
        if bodies and tokens <= room and characters <= room * _CHARS_PER_TOKEN_CAP:
            bodies[-1] += [part.joint, part.text]
        else:
            bodies.append([part.text])
            tokens, characters = part.tokens, len(part.text)
    return ["".join(body).strip("\n") for body in bodies]


def _verified(pieces: Sequence[tuple[_Passage, int]], count_tokens: CountTokens, max_tokens: int) -> list[_Passage]:
    """Halve what came out too long after all (tokens are not spread evenly); only new pieces are counted."""
    settled = _counted(pieces, count_tokens)
    while any(tokens > max_tokens and len(piece.body) > 1 for piece, tokens in settled):
        halved: list[tuple[_Passage, int]] = []
        for piece, tokens in settled:
            if tokens <= max_tokens or len(piece.body) <= 1:
                halved.append((piece, tokens))
            else:
                halves = _halves(piece.body)
                halved.extend((_Passage(piece.section, piece.prefix, half), _UNCOUNTED) for half in halves)
        settled = _counted(halved, count_tokens)
    return [piece for piece, _ in settled]


def _counted(pieces: Sequence[tuple[_Passage, int]], count_tokens: CountTokens) -> list[tuple[_Passage, int]]:
    new = [piece.text for piece, tokens in pieces if tokens == _UNCOUNTED]
    counts = iter(count_tokens(new) if new else [])
    return [(piece, next(counts) if tokens == _UNCOUNTED else tokens) for piece, tokens in pieces]


def _halves(body: str) -> list[str]:
    middle = len(body) // 2
    blank = body.rfind(" ", middle // 2, middle)
    cut = blank + 1 if blank >= 0 else middle
    return [half for half in (body[:cut], body[cut:]) if half.strip()]


def _chunk_id(document: Document, position: int, max_tokens: int) -> ChunkId:
    """40 hexadecimal digits; equal documents at equal places give equal ids, so indexing twice changes nothing."""
    length = "" if max_tokens == USUAL_TOKENS else f"\n{max_tokens}"
    key = f"{document.id}\n{document.content_hash}\n{position}{length}"
    return ChunkId(hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:40])
