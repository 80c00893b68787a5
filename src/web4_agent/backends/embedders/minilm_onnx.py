"""all-MiniLM-L6-v2 on ONNX Runtime: what bootstrap builds as the embedder of a home.

Reads a folder written by `minilm_export`. Knows nothing of documents, chunks or collections.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.embedders.minilm_export import CARD_FILE, GRAPH_FILE, TOKENIZER_FILE, sha256_of
from web4_agent.domain.errors import ModelError

TOKENS_PER_BATCH = 256
"""Padding included: one text of full length, or twenty questions. A text of full length keeps two cores busy by itself,
and more of them leave the processor's cache: 1024 costs a quarter more processor time (94 tokens a text), 4096 more."""

_REPAIR = "web4-agent doctor --fix"


class MiniLmOnnx:
    """Safe to call from several threads. `threads` is the number of cores one call may use; 0 means all of them.

    Raises ModelError when the folder is missing, incomplete or damaged.
    """

    def __init__(self, model_dir: Path, threads: int = 0) -> None:
        card = _read_card(model_dir)
        self._name, self._dimension, self._max_tokens = card.name, card.dimension, card.max_tokens
        self._cutting = _tokenizer(model_dir / TOKENIZER_FILE)
        self._cutting.enable_truncation(self._max_tokens)
        self._counting = _tokenizer(model_dir / TOKENIZER_FILE)
        self._session = _session(model_dir / GRAPH_FILE, threads)

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        tokens = [encoding.ids for encoding in self._cutting.encode_batch_fast(list(texts))]
        for rows in batches_by_length([len(ids) for ids in tokens]):
            vectors[rows] = self._run([tokens[row] for row in rows])
        return vectors

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in self._counting.encode_batch_fast(list(texts))]

    def _run(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """`ids` and `mask`: shape (texts, tokens of the longest)."""
        ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        vectors: NDArray[np.float32] = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors


def batches_by_length(lengths: Sequence[int], tokens_per_batch: int = TOKENS_PER_BATCH) -> Iterator[list[int]]:
    """Positions, longest first, in batches whose padded size stays within `tokens_per_batch`, at least one in each.

    Texts of like length meet in a batch, so that next to nothing is computed for padding.
    """
    order = sorted(range(len(lengths)), key=lambda position: -lengths[position])
    start = 0
    while start < len(order):
        end = start + max(1, tokens_per_batch // max(1, lengths[order[start]]))
        yield order[start:end]
        start = end


@dataclass(frozen=True, slots=True)
class _Card:
    name: str
    dimension: int
    max_tokens: int
    sha256: dict[str, str]


def _read_card(model_dir: Path) -> _Card:
    """The folder's card, after its files have been held against the hashes in it (60 ms)."""
    path = model_dir / CARD_FILE
    try:
        card = _Card(**json.loads(path.read_text(encoding="utf-8")))
        damaged = [name for name, digest in card.sha256.items() if sha256_of(model_dir / name) != digest]
    except FileNotFoundError as error:
        raise ModelError(f"no whole embedder in {model_dir}: {error.filename} is missing", _REPAIR) from error
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path} is damaged: {error}", _REPAIR) from error
    if damaged:
        raise ModelError(f"the embedder in {model_dir} is damaged: {', '.join(damaged)}", _REPAIR)
    return card


def _tokenizer(path: Path) -> Any:  # typed loosely by its library
    """Without the padding and the cut at 128 tokens that the model's file asks for."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _session(path: Path, threads: int) -> Any:  # onnxruntime has no types
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads may wait busily between two products of one text, never between two texts: then the engine and the trainer
    # beside them have the cores. A question takes a tenth less time than with threads that sleep each time.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
