"""Questions whose answer is known, made from a journal, and the journal without their words.

Called by the tuning of retrieval and by its benchmarks. Everything is deterministic. The text a question is made of is
cut out of its document before anything is indexed, so that no search can find a question by itself.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId

Parse = Callable[[DocumentId, bytes], Document | None]
"""A document of this name and content; None where it is none."""
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

FEWEST_SENTENCE_WORDS = 10
"""Shorter sentences say the same in several documents."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
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


def make_exam(documents: Sequence[Document], parse: Parse, *, sentences: bool = False) -> Exam:
    """`objectives`: the header's objective without dates and without words of the title. `quotes`: what users said,
    from the quote fences. `paraphrases`: both again, without rare words and with synonyms for what is left.
    `sentences`, where asked for: the longest sentence of a document that has neither, without words of the title."""
    told = {one.id: _sentence(one) for one in documents if sentences and not one.header.objective and not _quotes(one)}
    held_out = tuple(_without_questions(document, told.get(document.id, ""), parse) for document in documents)
    common = _common_words(held_out)
    objectives = [KnownItem(_untitled(one, one.header.objective), one.id) for one in documents if one.header.objective]
    quotes = [KnownItem(quote[:LONGEST_CHARS], one.id) for one in documents for quote in _quotes(one)]
    paraphrases = [KnownItem(_paraphrase(one.question, common), one.document) for one in (*objectives, *quotes)]
    questions = {"objectives": objectives, "quotes": quotes, "paraphrases": paraphrases}
    if sentences:
        questions["sentences"] = [
            KnownItem(_untitled(one, told[one.id])[:LONGEST_CHARS], one.id) for one in documents if told.get(one.id)
        ]
    return Exam(held_out, {name: tuple(one for one in made if _asks(one)) for name, made in questions.items()})


def is_tuning(document: DocumentId) -> bool:
    """Whether a document is of the half that a search may be tuned on; by its name, so that the halves never move."""
    return hashlib.sha256(document.encode()).digest()[-1] % 2 == 0


def _quotes(document: Document) -> list[str]:
    return list(dict.fromkeys(tron.quote.strip() for tron in document.trons if tron.quote.strip()))


def _sentence(document: Document) -> str:
    """The longest that is long enough, as it stands in the text; of equal ones the first."""
    found = [one.strip() for section in document.sections for one in _SENTENCE.split(section.text)]
    long = [one for one in found if len(set(_words(one))) >= FEWEST_SENTENCE_WORDS]
    return max(long, key=len, default="")


def _without_questions(document: Document, sentence: str, parse: Parse) -> Document:
    """The document as it would be had nobody written its objective, its quotes and that sentence into it."""
    text = document.text
    for words in (document.header.objective, *_quotes(document), sentence):
        if words:
            text = text.replace(words, "")
    return parse(document.id, text.encode("utf-8")) or document


def _untitled(document: Document, text: str) -> str:
    titled = set(_words(document.title))
    return " ".join(word for word in _words(_DATE.sub(" ", text)) if word not in titled)


def _common_words(documents: Sequence[Document]) -> set[str]:
    held = Counter(word for document in documents for word in set(_words(document.text)))
    return {word for word, count in held.items() if count >= RARE * len(documents)}


def _paraphrase(question: str, common: set[str]) -> str:
    return " ".join(SYNONYMS.get(word, word) for word in _words(question) if word in common)


def _asks(one: KnownItem) -> bool:
    return len(set(_words(one.question))) >= FEWEST_WORDS


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
