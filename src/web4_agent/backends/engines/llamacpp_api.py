"""llama.cpp's C interface, as exported by the xllamacpp wheel: the likelihood of a given text in one pass over it.

Called by the scoring child alone: a wrong guess about the library would end that process, never the one that serves.
The HTTP server gives no prompt log-probabilities (llama.cpp issue 27174); the library it is built from does, at the
speed of reading a prompt rather than that of writing an answer.

Structs are passed as opaque blocks larger than any version's, of which only leading fields are touched, and those
only if the library's defaults show them where they are expected.
"""

import ctypes
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BATCH_TOKENS = 256
_ROOM_BYTES = 1024
_EXPECTED_DEFAULTS = (512, 2048, 512, 1, -1)
_VOID = ctypes.c_void_p
_INT = ctypes.c_int32


class _ModelParameters(ctypes.Structure):
    _fields_ = (
        ("devices", _VOID),
        ("overrides", _VOID),
        ("n_gpu_layers", _INT),
        ("opaque", ctypes.c_uint8 * _ROOM_BYTES),
    )


class _ContextParameters(ctypes.Structure):
    _fields_ = (
        ("n_ctx", ctypes.c_uint32),
        ("n_batch", ctypes.c_uint32),
        ("n_ubatch", ctypes.c_uint32),
        ("n_seq_max", ctypes.c_uint32),
        ("opaque", ctypes.c_uint8 * _ROOM_BYTES),
    )


class _Batch(ctypes.Structure):
    _fields_ = (
        ("n_tokens", _INT),
        ("token", ctypes.POINTER(_INT)),
        ("embd", _VOID),
        ("pos", ctypes.POINTER(_INT)),
        ("n_seq_id", ctypes.POINTER(_INT)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(_INT))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    )


_LogFunction = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, _VOID)

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_log_set": (None, (_LogFunction, _VOID)),
    "llama_backend_init": (None, ()),
    "llama_model_default_params": (_ModelParameters, ()),
    "llama_context_default_params": (_ContextParameters, ()),
    "llama_model_load_from_file": (_VOID, (ctypes.c_char_p, _ModelParameters)),
    "llama_init_from_model": (_VOID, (_VOID, _ContextParameters)),
    "llama_adapter_lora_init": (_VOID, (_VOID, ctypes.c_char_p)),
    "llama_set_adapters_lora": (_INT, (_VOID, ctypes.POINTER(_VOID), ctypes.c_size_t, ctypes.POINTER(ctypes.c_float))),
    "llama_set_n_threads": (None, (_VOID, _INT, _INT)),
    "llama_model_get_vocab": (_VOID, (_VOID,)),
    "llama_model_meta_val_str": (_INT, (_VOID, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)),
    "llama_vocab_n_tokens": (_INT, (_VOID,)),
    "llama_tokenize": (
        _INT,
        (_VOID, ctypes.c_char_p, _INT, ctypes.POINTER(_INT), _INT, ctypes.c_bool, ctypes.c_bool),
    ),
    "llama_get_memory": (_VOID, (_VOID,)),
    "llama_memory_seq_rm": (ctypes.c_bool, (_VOID, _INT, _INT, _INT)),
    "llama_batch_init": (_Batch, (_INT, _INT, _INT)),
    "llama_decode": (_INT, (_VOID, _Batch)),
    "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), (_VOID, _INT)),
}


def _log_warnings(level: int, text: bytes, _: object) -> None:
    """Keep warnings (3) and errors (4): the library's default logs dozens of lines for every batch."""
    if level in {3, 4}:
        sys.stderr.write(text.decode("utf-8", "replace"))
        sys.stderr.flush()


_LOG_WARNINGS = _LogFunction(_log_warnings)
"""Kept for the life of the process: the library holds no reference of its own."""


@dataclass(slots=True)
class BatchScorer:
    """One model with at most one adapter, in one context. Raises RuntimeError where the library refuses."""

    library: ctypes.CDLL
    context: int
    memory: int
    vocabulary: int
    begin: int | None
    words: int
    context_tokens: int
    batch: _Batch

    @classmethod
    def load(cls, order: Mapping[str, Any]) -> "BatchScorer":
        """`order` is what the server is told too: model, adapter, context_tokens, threads, gpu_layers."""
        context_tokens, threads = int(order["context_tokens"]), int(order["threads"])
        library = _library()
        library.llama_log_set(_LOG_WARNINGS, None)
        library.llama_backend_init()
        settings, parameters = library.llama_model_default_params(), library.llama_context_default_params()
        seen = (parameters.n_ctx, parameters.n_batch, parameters.n_ubatch, parameters.n_seq_max, settings.n_gpu_layers)
        if seen != _EXPECTED_DEFAULTS:
            raise RuntimeError("this version of llama.cpp lays its parameters out differently")
        settings.n_gpu_layers = int(order["gpu_layers"])
        loaded = library.llama_model_load_from_file(order["model"].encode(), settings)
        if not loaded:
            raise RuntimeError(f"llama.cpp can't load {order['model']}")
        parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = context_tokens, _BATCH_TOKENS, _BATCH_TOKENS
        context = library.llama_init_from_model(loaded, parameters)
        if not context:
            raise RuntimeError(f"llama.cpp has no room for a context of {context_tokens} tokens")
        library.llama_set_n_threads(context, threads, threads)
        if order["adapter"]:
            _apply(library, loaded, context, order["adapter"])
        return cls(
            library,
            context,
            library.llama_get_memory(context),
            library.llama_model_get_vocab(loaded),
            _begin_token(library, loaded),
            library.llama_vocab_n_tokens(library.llama_model_get_vocab(loaded)),
            context_tokens,
            library.llama_batch_init(_BATCH_TOKENS, 0, 1),
        )

    def score(self, prompt: str | None, texts: Sequence[str], top: int) -> list[dict[str, object]]:
        """For each text after `prompt` (None: after the begin-of-text token): its `tokens`, their `logprobs`, and at
        each the `top` most likely (id, log-probability). The prompt is read once. The first token of a text that
        nothing stands before has no likelihood and is left out."""
        before = self._prompt_tokens(prompt)
        self._forget_from(0)
        rows = self._read(before, 0, last_only=True).copy()
        return [self._score_one(len(before), rows, self.tokens(text), top) for text in texts]

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        """`special`: add what the model's tokenizer adds, and read control tokens written out as such."""
        raw = text.encode()
        room = len(raw) + 8
        found = (_INT * room)()
        count = self.library.llama_tokenize(self.vocabulary, raw, len(raw), found, room, special, special)
        if count < 0:
            raise RuntimeError("llama.cpp can't tokenise a text")
        return list(found[:count])

    def _prompt_tokens(self, prompt: str | None) -> list[int]:
        if prompt is not None:
            return self.tokens(prompt, special=True)
        return [] if self.begin is None else [self.begin]

    def _score_one(self, start: int, before: NDArray[np.float32], text: list[int], top: int) -> dict[str, object]:
        """`before` holds the scores after the prompt, shape (1 or 0, words)."""
        if start + len(text) > self.context_tokens:
            raise RuntimeError(f"{start + len(text)} tokens don't fit into the context of {self.context_tokens}")
        self._forget_from(start)
        wanted = text if len(before) else text[1:]
        logprobs, tops = _picked(before, wanted[: len(before)], top)
        for first in range(0, len(text) - 1, _BATCH_TOKENS):
            chunk = text[first : min(first + _BATCH_TOKENS, len(text) - 1)]
            rows = self._read(chunk, start + first, last_only=False)
            more, more_tops = _picked(rows, text[first + 1 : first + 1 + len(chunk)], top)
            logprobs += more
            tops += more_tops
        return {"tokens": wanted, "logprobs": logprobs, "top": tops}

    def _read(self, tokens: Sequence[int], position: int, *, last_only: bool) -> NDArray[np.float32]:
        """Put tokens through the model. Returns the scores after each, or after the last: shape (tokens or 1, words);
        the rows are the library's own memory and hold until the next call."""
        rows = np.empty((0, self.words), np.float32)
        for first in range(0, len(tokens), _BATCH_TOKENS):
            chunk = tokens[first : first + _BATCH_TOKENS]
            batch = self.batch
            batch.n_tokens = len(chunk)
            for index, token in enumerate(chunk):
                batch.token[index], batch.pos[index] = token, position + first + index
                batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
                batch.logits[index] = not last_only or index == len(chunk) - 1
            if self.library.llama_decode(self.context, batch) != 0:
                raise RuntimeError(f"llama.cpp could not read {position + len(tokens)} tokens")
            pointer = self.library.llama_get_logits_ith(self.context, len(chunk) - 1 if last_only else 0)
            rows = np.ctypeslib.as_array(pointer, shape=(1 if last_only else len(chunk), self.words))
        return rows

    def _forget_from(self, position: int) -> None:
        self.library.llama_memory_seq_rm(self.memory, 0, position, -1)


def _picked(
    rows: NDArray[np.float32], tokens: Sequence[int], top: int
) -> tuple[list[float], list[list[tuple[int, float]]]]:
    """Log-softmax of each row (tokens, words) in float64, read at its token and at its `top` best."""
    if not len(tokens):
        return [], []
    highest = rows.max(axis=1, keepdims=True)
    total = np.exp(rows - highest).sum(axis=1, dtype=np.float64)
    offset = highest[:, 0].astype(np.float64) + np.log(total)
    logprobs = rows[np.arange(len(tokens)), list(tokens)] - offset
    if not np.isfinite(logprobs).all():
        raise RuntimeError("the model's scores are not finite")
    if not top:
        return logprobs.tolist(), [[] for _ in tokens]
    best = np.argpartition(-rows, top - 1, axis=1)[:, :top]
    tops = []
    for row, ids, shift in zip(rows, best, offset, strict=True):
        ranked = sorted(ids.tolist(), key=lambda token: (-float(row[token]), token))
        tops.append([(token, float(row[token] - shift)) for token in ranked])
    return logprobs.tolist(), tops


def _library() -> ctypes.CDLL:
    """The wheel's own library, with the signatures that are used. Raises RuntimeError if it exports none of them."""
    import xllamacpp.xllamacpp

    library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise RuntimeError(f"this build of llama.cpp does not export {name}") from error
        function.restype, function.argtypes = result, arguments
    return library


def _apply(library: ctypes.CDLL, model: int, context: int, adapter: str) -> None:
    """Put the adapter on at scale 1, as the server does."""
    loaded = library.llama_adapter_lora_init(model, adapter.encode())
    if not loaded:
        raise RuntimeError(f"llama.cpp can't load the adapter {adapter}")
    if library.llama_set_adapters_lora(context, (_VOID * 1)(loaded), 1, (ctypes.c_float * 1)(1.0)) != 0:
        raise RuntimeError(f"llama.cpp can't apply the adapter {adapter}")


def _begin_token(library: ctypes.CDLL, model: int) -> int | None:
    """The model's begin-of-text token if its file names one: where it does not, llama.cpp makes one up."""
    value = ctypes.create_string_buffer(32)
    found = library.llama_model_meta_val_str(model, b"tokenizer.ggml.bos_token_id", value, len(value))
    return int(value.value) if found > 0 else None
