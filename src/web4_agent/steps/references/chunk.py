"""Cuts a file that is looked up into pieces that fit the embedder: Markdown by its headings, source by definitions.

Called by the flows that index references. Each piece begins with the file's path and the headings or definitions it is
of, so that it stands alone. Knows no tokenizer: the caller hands over how tokens are counted. Nothing is left out.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from web4_agent.domain.documents import Chunk, SectionKind
from web4_agent.domain.ids import ChunkId, ContentHash, DocumentId

CountTokens = Callable[[Sequence[str]], list[int]]
"""Tokens of each text, uncut. Called a handful of times a file, with many texts at once."""

_CHARS_PER_TOKEN_CAP = 12
"""A run without blanks may count as one unknown token; no piece is longer than this times its tokens."""

_HEADED = frozenset({".md", ".markdown", ".txt", ".rst", ".adoc"})
_HEADING = re.compile(r"(#{1,6}|={1,5})[ \t]+(\S.*)")
_FENCE = re.compile(r"[ \t]{0,3}(```|~~~)")
_DEFINITION = re.compile(
    r"(?P<indent>[ \t]*)(?:(?:export|default|declare|abstract|public|private|protected|internal|static|final|sealed"
    r"|data|async|override|open|pub(?:\([a-z]+\))?|unsafe|extern)[ \t]+)*"
    r"(?:class|interface|enum|struct|trait|impl|record|namespace|module|type|def|func|function|fn|fun|const|let|var)\b"
    r"\*?[ \t]*(?:\([^)]{0,80}\)[ \t]*)?(?P<name>[A-Za-z_$][\w$]*)"
)
_METHOD = re.compile(
    r"(?P<indent>[ \t]*)(?:(?:public|private|protected|static|final|async|override|abstract)[ \t]+)+"
    r"(?:[\w<>\[\],.?]+[ \t]+){0,3}(?P<name>[A-Za-z_$][\w$]*)[ \t]*\("
)
_ABOVE = ("#", "//", "/*", "*", "@", "--", '"""')
"""Comments and decorators stay with the definition below them."""

_LINE_CHARS, _HEADING_CHARS, _LEAST_CHARS, _NAMES = 300, 80, 80, 4


@dataclass(frozen=True, slots=True)
class Source:
    """`id` and `content_hash` name it; `collection` is what its chunk ids begin with; `path` is shown and its suffix
    says how it is cut."""

    id: DocumentId
    collection: str
    content_hash: ContentHash
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class _Block:
    """A stretch of lines that stays whole if it can; `joint` is what stood between it and the block before."""

    path: tuple[str, ...]
    text: str
    joint: str
    tokens: int = 0


def chunk_source(source: Source, count_tokens: CountTokens, max_tokens: int = 256) -> tuple[Chunk, ...]:
    """The chunks in order, each of at most `max_tokens` as `count_tokens` counts them.

    Ids depend on the source's id, its content and the position alone.
    """
    headed = PurePosixPath(source.path.lower()).suffix in _HEADED
    blocks = (_headed_blocks if headed else _source_blocks)(source.text.split("\n"))
    room = max_tokens - min(max_tokens // 2, count_tokens([_prefix(source.path, ("x" * 40,))])[0])
    packed = _packed(_fitted(blocks, count_tokens, room), room)
    pieces = _verified([(block.path, block.text) for block in packed], source.path, count_tokens, max_tokens)
    return tuple(
        Chunk(_chunk_id(source, at), source.id, SectionKind.OTHER, (source.path, *path), text, at)
        for at, (path, text) in enumerate(pieces)
    )


def _headed_blocks(lines: Sequence[str]) -> list[_Block]:
    """Paragraphs under their heading path. A fence stays whole; a `#` within it is no heading."""
    blocks: list[_Block] = []
    path: list[str] = []
    current: list[str] = []
    fenced = ""

    def flush() -> None:
        if any(line.strip() for line in current):
            blocks.append(_Block(tuple(path), "\n".join(current).strip("\n"), "\n\n"))
        current.clear()

    for line in lines:
        fence = _FENCE.match(line)
        if fence and fenced in {"", fence[1]}:
            fenced = "" if fenced else fence[1]
        heading = None if fenced else _HEADING.match(line[:_LINE_CHARS])
        if heading:
            flush()
            del path[len(heading[1]) - 1 :]
            path.append(heading[2].strip(" #")[:_HEADING_CHARS])
        elif not line.strip() and not fenced:
            flush()
        else:
            current.append(line)
    flush()
    return blocks or [_Block((), "\n".join(lines).strip("\n"), "")]  # headings alone


def _source_blocks(lines: Sequence[str]) -> list[_Block]:
    """Runs of lines between blank ones, and before each definition that stands at the left margin."""
    blocks: list[_Block] = []
    current: list[str] = []
    top = ""
    joint = ""

    def flush(next_joint: str) -> None:
        nonlocal top, joint
        if current:
            top, path = _place(current, top)
            blocks.append(_Block(path, "\n".join(current), joint))
            joint = next_joint
            current.clear()

    for line in lines:
        if not line.strip():
            flush("\n\n")
            continue
        found = _definition(line)
        if found and not found["indent"] and not all(above.lstrip().startswith(_ABOVE) for above in current):
            flush("\n")
        current.append(line)
    flush("")
    return blocks


def _place(lines: Sequence[str], top: str) -> tuple[str, tuple[str, ...]]:
    """The definition at the margin that a block is of, and the block's path."""
    found = next((match for match in map(_definition, lines) if match), None)
    if found and not found["indent"]:
        return found["name"], (found["name"],)
    if found:
        return top, tuple(name for name in (top, found["name"]) if name)
    inside = lines[0][:1] in {" ", "\t", "}", ")", "]"}
    return (top, (top,)) if inside and top else ("", ())


def _definition(line: str) -> re.Match[str] | None:
    return _DEFINITION.match(line[:_LINE_CHARS]) or _METHOD.match(line[:_LINE_CHARS])


def _fitted(blocks: Sequence[_Block], count_tokens: CountTokens, room: int) -> list[_Block]:
    """Blocks with their tokens; one that is too long becomes its lines, a line that is too long its windows."""
    fitting = _counted(blocks, count_tokens)
    for cut, joint in ((_lines, "\n"), (_windows, "")):
        if all(_fits(block, room) for block in fitting):
            break
        parts = [
            replace(block, text=text, joint=joint if at else block.joint, tokens=0)
            for block in fitting
            for at, text in enumerate([block.text] if _fits(block, room) else cut(block, room))
        ]
        fitting = _counted(parts, count_tokens)
    return fitting


def _counted(blocks: Sequence[_Block], count_tokens: CountTokens) -> list[_Block]:
    counts = count_tokens([block.text for block in blocks]) if blocks else []
    return [replace(block, tokens=tokens) for block, tokens in zip(blocks, counts, strict=True)]


def _fits(block: _Block, room: int) -> bool:
    return block.tokens <= room and len(block.text) <= room * _CHARS_PER_TOKEN_CAP


def _lines(block: _Block, room: int) -> list[str]:
    del room
    return [line for line in block.text.split("\n") if line.strip()]


def _windows(block: _Block, room: int) -> list[str]:
    """Pieces that hold `room` tokens if tokens are spread evenly."""
    size = max(1, min(len(block.text) * room // max(1, block.tokens), room * _CHARS_PER_TOKEN_CAP))
    return [block.text[start : start + size] for start in range(0, len(block.text), size)]


def _packed(blocks: Sequence[_Block], room: int) -> list[_Block]:
    """Join neighbours: of one heading or definition up to `room`, of several only while they are small together."""
    whole = sum(block.tokens for block in blocks) <= room
    limits = (room, room if whole else room // 2)
    packed: list[_Block] = []
    for block in blocks:
        last = packed[-1] if packed else None
        together = last.tokens + block.tokens if last else 0
        if last and together <= limits[last.path[:1] != block.path[:1]] and len(last.text) <= room * 8:
            joined = f"{last.text}{block.joint}{block.text}"
            packed[-1] = _Block(_merged(last.path, block.path), joined, last.joint, together)
        else:
            packed.append(block)
    return packed


def _merged(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """What two paths share, and the names of both below it."""
    if first == second or not second:
        return first
    shared = 0
    while shared < min(len(first), len(second)) and first[shared] == second[shared]:
        shared += 1
    below = [*first[shared:], *second[shared:]]
    names = dict.fromkeys(name for step in below for name in step.split(", "))
    return (*first[:shared], ", ".join(list(names)[:_NAMES])) if names else first[:shared]


def _prefix(file: str, path: Sequence[str]) -> str:
    shown = file if len(file) <= 120 else f"…{file[-120:]}"
    return "\n".join(line for line in (shown, " > ".join(step[:_HEADING_CHARS] for step in path)) if line)


def _verified(
    pieces: Sequence[tuple[tuple[str, ...], str]], file: str, count_tokens: CountTokens, max_tokens: int
) -> list[tuple[tuple[str, ...], str]]:
    """Each with its prefix; what came out too long after all (tokens are not spread evenly) is made shorter."""
    waiting = [_Piece(path, _prefix(file, path), body) for path, body in pieces]
    while True:
        counts = count_tokens([piece.text for piece in waiting]) if waiting else []
        if all(tokens <= max_tokens or piece.least for piece, tokens in zip(waiting, counts, strict=True)):
            return [(piece.path, piece.text) for piece in waiting]
        waiting = [
            part
            for piece, tokens in zip(waiting, counts, strict=True)
            for part in ([piece] if tokens <= max_tokens or piece.least else piece.shorter())
        ]


@dataclass(frozen=True, slots=True)
class _Piece:
    path: tuple[str, ...]
    prefix: str
    body: str

    @property
    def text(self) -> str:
        return f"{self.prefix}\n{self.body}".strip()

    @property
    def least(self) -> bool:
        return len(self.body) <= 1 and not self.prefix

    def shorter(self) -> "list[_Piece]":
        """Two halves of the body; a body that is short already gives up half of its prefix instead."""
        if len(self.body) <= _LEAST_CHARS and self.prefix:
            return [replace(self, prefix=self.prefix[: len(self.prefix) // 2])]
        return [replace(self, body=half) for half in _halves(self.body)]


def _chunk_id(source: Source, position: int) -> ChunkId:
    """Equal sources at equal places give equal ids, so indexing twice changes nothing."""
    key = f"{source.id}\n{source.content_hash}\n{position}"
    return ChunkId(f"{source.collection}:{hashlib.sha256(key.encode('utf-8', 'backslashreplace')).hexdigest()[:40]}")


def _halves(body: str) -> list[str]:
    middle = len(body) // 2
    blank = max(body.rfind("\n", middle // 2, middle), body.rfind(" ", middle // 2, middle))
    cut = blank + 1 if blank >= 0 else middle
    return [half for half in (body[:cut], body[cut:]) if half.strip()]
