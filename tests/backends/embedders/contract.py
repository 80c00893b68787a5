"""What every embedder does. An embedder's test inherits from `EmbedderContract` and says how it is made."""

import numpy as np
import pytest

from web4_agent.backends.embedders.base import Embedder

TEXTS = ("berthd listens on port 7420", "", "the tide", "🎯 emoji § and ünïcode", "the tide", "a\x00b\ud7ff")


class EmbedderContract:
    @pytest.fixture
    def embedder(self) -> Embedder:
        raise NotImplementedError

    def test_vectors_are_float32_of_length_one(self, embedder: Embedder) -> None:
        vectors = embedder.embed(TEXTS)
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(TEXTS), embedder.dimension)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)

    def test_order_and_company_do_not_matter(self, embedder: Embedder) -> None:
        long_and_short = [*TEXTS, "word " * 200, "x"]
        together = embedder.embed(long_and_short)
        alone = np.concatenate([embedder.embed([text]) for text in long_and_short])
        assert np.abs(together - alone).max() < 1e-5

    def test_equal_texts_have_equal_vectors_and_shared_words_bring_texts_near(self, embedder: Embedder) -> None:
        same, other = embedder.embed(["the tide is high", "the tide is high"]), embedder.embed(["quarterly invoice"])
        assert np.abs(same[0] - same[1]).max() < 1e-6
        near = embedder.embed(["the tide is low"])
        assert float(near[0] @ same[0]) > float(other[0] @ same[0]) + 0.2

    def test_no_texts_give_no_vectors(self, embedder: Embedder) -> None:
        assert embedder.embed([]).shape == (0, embedder.dimension)
        assert embedder.token_counts([]) == []

    def test_tokens_are_counted_uncut(self, embedder: Embedder) -> None:
        empty, one, many = embedder.token_counts(["", "tide", "tide " * 1000])
        assert (empty, one) == (2, 3)
        assert many == 1002 > embedder.max_tokens

    def test_what_lies_behind_max_tokens_does_not_count(self, embedder: Embedder) -> None:
        start = "tide " * (embedder.max_tokens - 2)
        vectors = embedder.embed([start, start + "berth harbour invoice", "harbour " + start])
        assert np.abs(vectors[0] - vectors[1]).max() < 1e-6
        assert np.abs(vectors[0] - vectors[2]).max() > 1e-4

    def test_it_has_a_name(self, embedder: Embedder) -> None:
        assert embedder.name
