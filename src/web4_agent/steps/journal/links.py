"""Resolves links between documents by file name, and turns them into the breadcrumb graph.

Called by the indexing flow. Pure: a link's path is text and never reaches the file system, whatever `..` it holds.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from web4_agent.domain.documents import Document, Link, LinkKind
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.names import is_document_name, read_name

UNKNOWN = "no document of this name is known"
ITSELF = "it points at its own document"
NO_DOCUMENT = "it names no journal document"

_DATED = re.compile(r"\d{4}-\d{2}-\d{2}-UTC-\d{4}-.", re.IGNORECASE)
_ENDING = re.compile(r"(?:[.-]pdca)?\.md$", re.IGNORECASE)
_OLD_FORM = re.compile(r"pdca[-.](.+?)\.md$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ResolvedLink:
    """A link and the document it leads to; `target` is None where `reason` says why. One per link as written."""

    source: DocumentId
    kind: LinkKind
    target_name: str
    target: DocumentId | None
    url: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """`earlier` came right before `later`, by the word of either. Read both ways it is previous and next."""

    earlier: DocumentId
    later: DocumentId


def known_names(ids: Iterable[DocumentId]) -> dict[str, tuple[DocumentId, ...]]:
    """Documents by what a link may call them, as `resolve_links` wants them.

    By file name; by name without any PDCA ending; and, for files that were given a date later, by their topic, where
    no other has the same. The last two have no ending, so that no file name is taken for one of them.
    """
    names: dict[str, list[DocumentId]] = {}
    topics: dict[str, list[DocumentId]] = {}
    for found in sorted(ids):
        name = _key(PurePosixPath(found).name)
        names.setdefault(name, []).append(found)
        if stem := _stem(name):
            names.setdefault(stem, []).append(found)
        topics.setdefault(_key(read_name(name).slug).lower(), []).append(found)
    alone = {topic: tuple(found) for topic, found in topics.items() if len(found) == 1}
    return alone | {name: tuple(found) for name, found in names.items()}


def resolve_links(documents: Iterable[Document], known: Mapping[str, Sequence[DocumentId]]) -> tuple[ResolvedLink, ...]:
    """Resolve every link of `documents` against `known` (see `known_names`), in order.

    Of several documents of one name, the one in the source's own folder wins; else the one whose path shares the
    longest run of folders, from the end, with the link's; else the one nearest to the source.
    """
    return tuple(_resolve(document.id, link, known) for document in documents for link in document.links)


def breadcrumbs(resolved: Iterable[ResolvedLink]) -> tuple[Edge, ...]:
    """The edges of the PREVIOUS and NEXT links that lead somewhere, each once, in order of their first mention."""
    edges: dict[Edge, None] = {}
    for link in resolved:
        if link.target is None or link.target == link.source:
            continue
        if link.kind is LinkKind.PREVIOUS:
            edges[Edge(link.target, link.source)] = None
        elif link.kind is LinkKind.NEXT:
            edges[Edge(link.source, link.target)] = None
    return tuple(edges)


def _resolve(source: DocumentId, link: Link, known: Mapping[str, Sequence[DocumentId]]) -> ResolvedLink:
    name = _key(link.target)
    candidates = known.get(name) or known.get(_stem(name)) or known.get(_topic(name)) or ()
    if not candidates:
        reason = UNKNOWN if is_document_name(link.target) else NO_DOCUMENT
        return ResolvedLink(source, link.kind, link.target, None, link.url, reason)
    target = candidates[0] if len(candidates) == 1 else _nearest(source, link, candidates)
    if target == source:
        return ResolvedLink(source, link.kind, link.target, None, link.url, ITSELF)
    return ResolvedLink(source, link.kind, link.target, target, link.url)


def _nearest(source: DocumentId, link: Link, candidates: Sequence[DocumentId]) -> DocumentId:
    home = PurePosixPath(source).parent.parts
    wanted = _parts(link.url)

    def rank(candidate: DocumentId) -> tuple[bool, int, int, str]:
        folder = PurePosixPath(candidate).parent.parts
        return (
            folder != home,
            -_shared(tuple(reversed(folder)), tuple(reversed(wanted))),
            -_shared(folder, home),
            candidate,
        )

    return min(candidates, key=rank)


def _parts(url: str) -> tuple[str, ...]:
    """The folders that a link's path names, without `.` and `..`."""
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:  # an ill-formed host
        return ()
    return tuple(part for part in PurePosixPath(path).parent.parts if part not in {"/", ".", ".."})


def _shared(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """How many leading parts two paths have in common."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(left), len(right)))


def _stem(name: str) -> str:
    """A dated name without its ending: `…-topic.md`, `…-topic-pdca.md` and `…-topic.pdca.md` are one. Else empty."""
    return _ENDING.sub("", name).lower() if _DATED.match(name) else ""


def _topic(name: str) -> str:
    """The topic of an undated `pdca-topic.md`, the older form of a name; else empty."""
    match = _OLD_FORM.match(name)
    return match[1].lower() if match else ""


def _key(name: str) -> str:
    """Names compare in composed form: some file systems hand out decomposed umlauts."""
    return unicodedata.normalize("NFC", name)
