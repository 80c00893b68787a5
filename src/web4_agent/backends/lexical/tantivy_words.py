"""BM25 by tantivy, in memory: what bootstrap builds as the word index of a running gateway.

In memory and not in a folder: an index on disk allows one writer, so that two programs on one home would lock each
other out, and is one more thing to go stale. Making it costs about 70 microseconds a section at every start.
"""

import re
import threading
from collections.abc import Sequence
from typing import Any

from web4_agent.backends.lexical.base import ANYWHERE, Within, WordEntry

HEAP_BYTES = 64_000_000
THREADS = 1
"""One writer makes one segment, of which every search has just one to read; the cores are the engine's."""
COMMON = 0.25
"""A word in more than this share of the texts says little about any and costs the most to read: it is left out, unless
all words of the question are so."""
FEW = 200
"""Among fewer texts than this no word is left out: shares mean nothing there, and nothing is slow."""
MAX_WORDS = 64
"""Distinct words of a question that are looked up: a pasted page must not cost a second."""

_WORD = re.compile(r"\w+")


class TantivyWords:
    """English stems, as far as words have them; other words count as written. Up to 17 ms for a question at 100,000."""

    def __init__(self) -> None:
        import tantivy

        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("number", indexed=True, fast=True)
        builder.add_text_field("text", stored=False, tokenizer_name="en_stem", index_option="freq")
        builder.add_text_field("label", stored=False, tokenizer_name="raw", index_option="basic")
        builder.add_integer_field("day", indexed=True, fast=True)
        self._schema = builder.build()
        self._index: Any = tantivy.Index(self._schema)
        self._stems = (
            tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
            .filter(tantivy.Filter.remove_long(40))
            .filter(tantivy.Filter.lowercase())
            .filter(tantivy.Filter.stemmer("english"))
            .build()
        )
        self._searcher: Any = self._index.searcher()
        self._writing = threading.Lock()

    def change(self, gone: Sequence[int], new: Sequence[WordEntry]) -> None:
        from tantivy import Document, Query

        with self._writing:
            writer = self._index.writer(HEAP_BYTES, THREADS)
            if gone:  # not by term: that takes every number for a signed one, which this field has not, and finds none
                writer.delete_documents_by_query(Query.term_set_query(self._schema, "number", list(gone)))
            for one in new:
                values = {"number": one.number, "text": one.text, "label": list(one.labels), "day": one.day}
                writer.add_document(Document.from_dict(values, self._schema))
            writer.commit()
            writer.wait_merging_threads()
            self._index.reload()
            self._searcher = self._index.searcher()

    def search(self, question: str, count: int, within: Within = ANYWHERE) -> list[tuple[int, float]]:
        searcher = self._searcher
        words = self._telling(searcher, question)
        if not words or count < 1 or not searcher.num_docs:
            return []
        hits = searcher.search(self._query(words, within), count, count=False).hits
        numbers = searcher.fast_field_values("number", [address for _, address in hits])
        found = [(int(number), float(score)) for number, (score, _) in zip(numbers, hits, strict=True)]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def close(self) -> None:
        """Nothing runs between calls; the memory goes with the object."""

    def _telling(self, searcher: Any, question: str) -> list[str]:
        """The question's stems that are anywhere, the rarest first, without those that are nearly everywhere."""
        stems = dict.fromkeys(self._stems.analyze(" ".join(_WORD.findall(question)[: 4 * MAX_WORDS])))
        held = {stem: searcher.doc_freq("text", stem) for stem in stems}
        rarest = sorted((stem for stem in held if held[stem]), key=held.__getitem__)[:MAX_WORDS]
        limit = max(FEW, COMMON * searcher.num_docs)
        return [stem for stem in rarest if held[stem] <= limit] or rarest

    def _query(self, words: Sequence[str], within: Within) -> Any:
        from tantivy import Occur, Query

        text = [(Occur.Should, Query.term_query(self._schema, "text", word, "freq")) for word in words]
        kept = [self._labels(group) for group in within.groups]
        if within.first is not None or within.last is not None:
            kept.append(self._days(within))
        if not kept:
            return Query.boolean_query(text)
        must = [(Occur.Must, Query.boolean_query(text))]
        return Query.boolean_query(must + [(Occur.Must, Query.const_score_query(one, 0.0)) for one in kept])

    def _labels(self, group: Sequence[str]) -> Any:
        from tantivy import Query

        return Query.term_set_query(self._schema, "label", list(group)) if group else Query.empty_query()

    def _days(self, within: Within) -> Any:
        from tantivy import FieldType, Query

        first = 1 if within.first is None else max(1, within.first)  # 0 is no day
        return Query.range_query(self._schema, "day", FieldType.Integer, first, within.last)
