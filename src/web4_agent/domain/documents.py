"""A journal document as parsed, its links, chunks, quality and safety findings, and the ways it can be rejected."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from web4_agent.domain.ids import ChunkId, ContentHash, DocumentId


class SectionKind(StrEnum):
    """What a heading means, whatever emoji, bold or numbering it wears."""

    SUMMARY = "summary"
    LINKS = "links"
    DECISIONS = "decisions"
    TRON = "tron"
    PLAN = "plan"
    DO = "do"
    CHECK = "check"
    ACT = "act"
    REFLECTION = "reflection"
    PROCESS = "process"
    META = "meta"
    OTHER = "other"


class LinkKind(StrEnum):
    PREVIOUS = "previous"
    """The header's link to the document before this one; its inverse is NEXT."""
    NEXT = "next"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Section:
    """One heading and the text below it up to the next heading of the same or a higher level.

    `kind` of a sub-section is its own if its heading says so, else that of its parent. `path` is the chain of cleaned
    headings from the top ("PLAN", "Strategy"); `text` is the body without the heading and without sub-sections.
    """

    kind: SectionKind
    heading: str
    path: tuple[str, ...]
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Tron:
    """A decision block. A part that is absent is an empty string; `quote` is the user's words in the quote fence."""

    trigger: str = ""
    response: str = ""
    outcome: str = ""
    next: str = ""
    quote: str = ""

    @property
    def complete(self) -> bool:
        return all((self.trigger, self.response, self.outcome, self.next))


@dataclass(frozen=True, slots=True)
class Link:
    """A Markdown link as written. `target` is the file name looked for: links resolve by file name."""

    kind: LinkKind
    text: str
    url: str
    target: str
    dual: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """The fields above the first section. Absent ones are empty strings; arrows ("X → Y") are kept as written."""

    title: str = ""
    date_utc: datetime | None = None
    objective: str = ""
    agent: str = ""
    role: str = ""
    branch: str = ""
    sprint: str = ""
    task: str = ""
    issues: str = ""
    session: str = ""
    cmm: str = ""
    template_version: str = ""
    previous_commit: str = ""
    ecosystem: str = ""
    ok_to_retrieve: bool = True
    ok_to_train: bool = True


@dataclass(frozen=True, slots=True)
class QualityScore:
    """0 to 100, and what it is made of: structure ≤ 35, support ≤ 25, outcome ≤ 15, novelty ≤ 15, human touch ≤ 10."""

    structure: float
    support: float
    outcome: float
    novelty: float
    human: float

    @property
    def total(self) -> float:
        return self.structure + self.support + self.outcome + self.novelty + self.human


class FindingKind(StrEnum):
    SECRET = "secret"  # noqa: S105 - the name of a finding, no secret
    PERSONAL = "personal"
    INSTRUCTION = "instruction"
    """Text that speaks to a model rather than to a reader; waits for a person."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`rule` names the detector; `line` counts from 1; `masked` never shows more than the first four characters."""

    kind: FindingKind
    rule: str
    line: int
    masked: str


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document. `text` is what may be stored and trained: redacted, normalised to LF, without a BOM."""

    id: DocumentId
    content_hash: ContentHash
    day: date
    """From the file name, else the folder, else the header, else the file's time (UTC): `day_source` says which."""
    day_source: str
    title: str
    slug: str
    header: Header
    sections: tuple[Section, ...]
    trons: tuple[Tron, ...]
    links: tuple[Link, ...]
    text: str
    warnings: tuple[str, ...] = ()
    """What was repaired: bytes replaced, header date differs, a section missing."""

    def of_kind(self, kind: SectionKind) -> tuple[Section, ...]:
        return tuple(section for section in self.sections if section.kind is kind)


class RejectionReason(StrEnum):
    EMPTY = "empty"
    TOO_LARGE = "too large"
    BINARY = "binary"
    NOT_UTF8 = "not UTF-8"
    NO_STRUCTURE = "no PDCA structure"
    OUTSIDE_ROOT = "link out of the folder"
    UNREADABLE = "unreadable"
    CHANGED_WHILE_READ = "changed while it was read"
    SECRET = "secret"  # noqa: S105 - the name of a reason, no secret
    DUPLICATE = "duplicate"
    FORGOTTEN = "forgotten"
    """Its name or its content was forgotten on request, and was not allowed again."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a file is not in the buffer. `detail` is for people and holds no text of the file but masked findings."""

    id: DocumentId
    reason: RejectionReason
    detail: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that fits the embedder. `text` starts with the heading path, so that it stands alone."""

    id: ChunkId
    document: DocumentId
    kind: SectionKind
    path: tuple[str, ...]
    text: str
    position: int


class DocumentState(StrEnum):
    """buffered -> claimed(run) -> historical (trained into an adapter), or quarantined, gone, superseded, forgotten."""

    BUFFERED = "buffered"
    CLAIMED = "claimed"
    HISTORICAL = "historical"
    QUARANTINED = "quarantined"
    GONE = "gone"
    SUPERSEDED = "superseded"
    FORGOTTEN = "forgotten"


class Ruling(StrEnum):
    """What a person decided on a document that was set apart."""

    APPROVED = "approved"
    REJECTED = "rejected"
