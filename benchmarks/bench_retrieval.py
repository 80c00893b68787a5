"""How often the right document is among the first: the product against its specification's recipe and words alone.

    python benchmarks/bench_retrieval.py [--journal FOLDER] [--limit N]

Three kinds of question with known answers (see known_items), asked of the same documents in the same run:

    recipe     nearest by the embedding of a document's first 2,000 characters, as the specification has it
    words      BM25 over whole documents
    sections   nearest by the embedding of sections
    product    what the gateway calls: Library.look_up, threshold and all

Prints recall at 1, 3 and 5 and the mean reciprocal rank with 95 % bootstrap intervals, and how the product differs from
the better of the others, question by question. What is tried on the ranking is chosen on one half of the documents and
counts only where it gains on the other as well: the product's figures stand for both. The first run embeds the journal
(about five minutes on two cores); later runs take the vectors from a temporary file.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cached_vectors import CachedEmbedder, cached_minilm
from known_items import Exam, KnownItem, is_tuning, make_exam, read_journal
from shelved import shelved
from web4_agent.backends.lexical.base import WordEntry
from web4_agent.backends.lexical.tantivy_words import TantivyWords
from web4_agent.domain.documents import Document
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.queries import Route, RouteDecision, Tier
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.steps.retrieval.library import Library, LibraryParts, LibraryPolicy

JOURNAL = Path(__file__).parents[2] / "shared" / "journal"
DEPTH = 10
RECIPE_CHARS = 2_000
RESAMPLES = 2_000
TOP = 3
HISTORY = RouteDecision(Route.HISTORY, "benchmark", (Tier.SEMANTIC,))

Search = Callable[[str], Sequence[DocumentId]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Recall of retrieval on questions with known answers")
    parser.add_argument("--journal", type=Path, default=JOURNAL)
    parser.add_argument("--limit", type=int, default=0, help="questions of each kind; 0 asks all")
    arguments = parser.parse_args()
    if not arguments.journal.is_dir():
        print(f"skipped: there is no journal at {arguments.journal}; name one with --journal")
        sys.exit(0)
    embedder = cached_minilm()
    exam = make_exam(read_journal(arguments.journal))
    with tempfile.TemporaryDirectory() as folder:
        searches = _searches(Path(folder), exam, embedder)
        print(f"{len(exam.documents)} documents of {arguments.journal}\n")
        for kind, questions in exam.questions.items():
            asked = questions[: arguments.limit or None]
            embedder.embed([one.question for one in asked])  # all at once, so that the cache saves them together
            ranks = {name: _ranks(search, asked) for name, search in searches.items()}
            report(kind, ranks)
            tells = np.array([is_tuning(one.document) for one in asked])
            for half, chosen in (("to tune on", tells), ("to check on", ~tells)):
                found = ranks["product"][chosen]
                print(f"product on the half {half} ({len(found)}): recall@3 {_interval(found <= TOP)}")
            print()


def report(kind: str, ranks: dict[str, NDArray[np.float64]]) -> None:
    """`ranks`: of every question, the place of its document from 1, infinite where it was not found."""
    print(f"{kind}: {len(next(iter(ranks.values())))} questions")
    print(f"{'':10}{'recall@1':>18}{'recall@3':>18}{'recall@5':>18}{'MRR':>18}")
    for name, found in ranks.items():
        cells = [_interval(found <= depth) for depth in (1, 3, 5)] + [_interval(1 / found)]
        print(f"{name:10}" + "".join(f"{cell:>18}" for cell in cells))
    best = max((name for name in ranks if name != "product"), key=lambda name: float((ranks[name] <= 3).mean()))
    print(f"product - {best}, recall@3: {_interval((ranks['product'] <= TOP) * 1.0 - (ranks[best] <= TOP))}")


def _searches(folder: Path, exam: Exam, embedder: CachedEmbedder) -> dict[str, Search]:
    database, store = shelved(folder, exam.documents, embedder)
    policy = LibraryPolicy(RetrievalPolicy(results=DEPTH))
    library = Library(LibraryParts(database, lambda: store, lambda: embedder, TantivyWords, policy))

    def product(question: str) -> list[DocumentId]:
        return [one.document for one in library.look_up(question, HISTORY).passages]

    def sections(question: str) -> list[DocumentId]:
        near = store.query("pdca_historical", embedder.embed([question])[0], 40 * DEPTH)
        return list(dict.fromkeys(match.entry.document for match in near))[:DEPTH]

    return {
        "recipe": _recipe(exam.documents, embedder),
        "words": _words(exam.documents),
        "sections": sections,
        "product": product,
    }


def _recipe(documents: Sequence[Document], embedder: CachedEmbedder) -> Search:
    vectors = embedder.embed([document.text[:RECIPE_CHARS] for document in documents])

    def search(question: str) -> list[DocumentId]:
        order = np.argsort(-(vectors @ embedder.embed([question])[0]), kind="stable")
        return [documents[place].id for place in order[:DEPTH]]

    return search


def _words(documents: Sequence[Document]) -> Search:
    index = TantivyWords()
    index.change([], [WordEntry(place, document.text) for place, document in enumerate(documents)])
    return lambda question: [documents[place].id for place, _ in index.search(question, DEPTH)]


def _ranks(search: Search, questions: Sequence[KnownItem]) -> NDArray[np.float64]:
    ranks = []
    for one in questions:
        found = list(search(one.question))
        ranks.append(found.index(one.document) + 1 if one.document in found else np.inf)
    return np.array(ranks, dtype=np.float64)


def _interval(values: NDArray[np.floating] | NDArray[np.bool_]) -> str:
    """Mean and the middle 95 % of the means of samples drawn again."""
    drawn = np.random.default_rng(1).choice(values, size=(RESAMPLES, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{np.mean(values):.2f} ({low:.2f} {high:.2f})"


if __name__ == "__main__":
    main()
