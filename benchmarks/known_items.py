"""Questions whose answer is known, made from a journal, and the journal without their words.

Called by bench_retrieval. Everything is deterministic. The text a question is made of is cut out of every document
before anything is indexed, so that no search can find a question by itself.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.discover import find_documents
from web4_agent.steps.journal.parse import parse_document

RARE = 0.05
"""A word in less than this share of the documents is rare: a paraphrase has none."""
FEWEST_WORDS = 6
LONGEST_CHARS = 600
"""Of a long quote the beginning is asked: nobody asks a page."""
SYNONYMS = {
    "fix": "repair", "fixed": "repaired", "create": "make", "created": "made", "implement": "build",
    "implemented": "built", "implementation": "building", "complete": "finish", "completed": "finished",
    "test": "check", "tests": "checks", "testing": "checking", "file": "document", "files": "documents",
    "remove": "drop", "removed": "dropped", "add": "put in", "added": "put in", "update": "renew", "updated": "renewed",
    "error": "failure", "errors": "failures", "issue": "problem", "issues": "problems", "start": "begin",
    "started": "began", "show": "display", "shows": "displays", "work": "function", "works": "functions",
    "working": "functioning", "use": "employ", "used": "employed", "using": "employing", "need": "require",
    "needs": "requires", "change": "alter", "changes": "alterations", "changed": "altered", "correct": "right",
    "wrong": "mistaken", "all": "every", "new": "fresh", "old": "former", "directory": "folder", "read": "look at",
    "write": "put down", "find": "discover", "found": "discovered", "ensure": "make sure", "analyze": "examine",
    "analysis": "examination", "process": "procedure", "component": "part", "components": "parts", "script": "program",
    "scripts": "programs", "branch": "line", "merge": "join", "version": "edition", "versions": "editions",
    "user": "person", "comprehensive": "thorough", "documentation": "description", "requirement": "demand",
    "requirements": "demands", "session": "sitting", "architecture": "design", "pattern": "scheme",
    "integration": "connection", "method": "routine", "methods": "routines", "class": "type", "build": "construct",
    "run": "execute", "now": "at present", "make": "produce", "then": "afterwards", "same": "equal",
}  # fmt: skip
"""The words that questions of such a journal use most, and others for them."""

_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:-UTC)?(?:-\d{4})?|\b\d{1,2}:\d\d\b")


@dataclass(frozen=True, slots=True)
class KnownItem:
    question: str
    document: DocumentId


@dataclass(frozen=True, slots=True)
class Exam:
    """The documents without the text of any question, and the questions by kind."""

    documents: tuple[Document, ...]
    questions: dict[str, tuple[KnownItem, ...]]


def read_journal(root: Path) -> tuple[Document, ...]:
    return tuple(
        parsed
        for one in find_documents(root).documents
        if isinstance(parsed := _parsed(one.id, one.path.read_bytes()), Document)
    )


def make_exam(documents: Sequence[Document]) -> Exam:
    """`objectives`: the header's objective without dates and without words of the title. `quotes`: what users said,
    from the quote fences. `paraphrases`: both again, without rare words and with synonyms for what is left."""
    held_out = tuple(_without_questions(document) for document in documents)
    common = _common_words(held_out)
    objectives = [KnownItem(_objective(one), one.id) for one in documents if one.header.objective]
    quotes = [KnownItem(quote[:LONGEST_CHARS], one.id) for one in documents for quote in _quotes(one)]
    paraphrases = [KnownItem(_paraphrase(one.question, common), one.document) for one in (*objectives, *quotes)]
    questions = {"objectives": objectives, "quotes": quotes, "paraphrases": paraphrases}
    return Exam(held_out, {name: tuple(one for one in made if _asks(one)) for name, made in questions.items()})


def is_tuning(document: DocumentId) -> bool:
    """Whether a document is of the half that a search may be tuned on; by its name, so that the halves never move."""
    return hashlib.sha256(document.encode()).digest()[-1] % 2 == 0


def _parsed(name: DocumentId, content: bytes) -> object:
    return parse_document(name, content, modified_utc=datetime(2026, 1, 1, tzinfo=UTC))


def _quotes(document: Document) -> list[str]:
    return list(dict.fromkeys(tron.quote.strip() for tron in document.trons if tron.quote.strip()))


def _without_questions(document: Document) -> Document:
    """The document as it would be had nobody written its objective and its quotes into it."""
    text = document.text
    for words in (document.header.objective, *_quotes(document)):
        if words:
            text = text.replace(words, "")
    parsed = _parsed(document.id, text.encode("utf-8"))
    return parsed if isinstance(parsed, Document) else document


def _objective(document: Document) -> str:
    titled = set(_words(document.title))
    return " ".join(word for word in _words(_DATE.sub(" ", document.header.objective)) if word not in titled)


def _common_words(documents: Sequence[Document]) -> set[str]:
    held = Counter(word for document in documents for word in set(_words(document.text)))
    return {word for word, count in held.items() if count >= RARE * len(documents)}


def _paraphrase(question: str, common: set[str]) -> str:
    return " ".join(SYNONYMS.get(word, word) for word in _words(question) if word in common)


def _asks(one: KnownItem) -> bool:
    return len(set(_words(one.question))) >= FEWEST_WORDS


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
