"""What came after a document, or before it: the document meant by a few words, and its neighbours in the journal.

Called by the library. Links come from the ledger; where a document has none on that side, its neighbours in time serve.
"""

import re

from sqlalchemy import Connection

from web4_agent.domain.ids import DocumentId
from web4_agent.records import links, timeline
from web4_agent.steps.retrieval.lexicon import Lexicon, within
from web4_agent.steps.retrieval.ranking import Question
from web4_agent.steps.retrieval.shelf import Shelf, stem

DEPTH = 3
"""The specification's."""

_BACKWARDS = re.compile(
    r"\b(before|previous|prior|preced\w+|earlier|led (?:up )?to|leading (?:up )?to|lead to|vor|vorher\w*|davor|zuvor"
    r"|vorangeh\w+)\b",
    re.IGNORECASE,
)
_FORWARDS = re.compile(
    r"\b(after|next|follow\w*|since|later|subsequent\w*|nach|danach|folg\w+|nächste\w*)\b", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_FILE = re.compile(r"[\w./-]+")


def anchored(shelf: Shelf, lexicon: Lexicon, anchor: str, question: Question) -> int | None:
    """The place of the document that `anchor` names: by its file name, else by its title's words, else by its text's.

    None where nothing has any of the words.
    """
    for word in _FILE.findall(anchor):
        if (place := shelf.files.get(stem(word.strip("./")))) is not None and shelf.ok[place]:
            return place
    told = within(shelf, question.filters, question.collections, sections=False)
    found = lexicon.wholes(anchor, 10, told)
    places = [shelf.place[name] for name, _ in found if name in shelf.place]
    wanted = _words(anchor)
    # Sorting is stable: of those that share as many words of the title, the best by all words comes first.
    titled = sorted(places, key=lambda place: -_share(wanted, shelf, place))
    return titled[0] if titled else None


def neighbours(connection: Connection, document: DocumentId, text: str, count: int) -> tuple[DocumentId, ...]:
    """What the question asks for, nearest first: later documents, or earlier ones where its words say so."""
    later = not (_BACKWARDS.search(text) and not _FORWARDS.search(text))
    linked = [name for name, _ in links.chain(connection, document, DEPTH, later=later)]
    return tuple(linked or timeline.beside(connection, document, min(count, DEPTH), later=later))


def _share(wanted: set[str], shelf: Shelf, place: int) -> float:
    """The share of the wanted words that are in the title or the file's name."""
    one = shelf.documents[place]
    return len(wanted & (_words(one.title) | _words(stem(one.id).replace("-", " ")))) / max(1, len(wanted))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
