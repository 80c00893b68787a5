"""An embedder that remembers across runs: vectors in a temporary file, keyed by the text's content.

Called by the benchmarks of retrieval, so that a second run spends its time on what is measured. Knows no documents.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.embedders.minilm_export import export_minilm, packaged_minilm
from web4_agent.backends.embedders.minilm_onnx import MiniLmOnnx

SAVE_EVERY = 512
"""Texts embedded between two savings: a run that is stopped loses half a minute."""


class CachedEmbedder:
    """Implements Embedder. `embed` looks into the cache first; what is new is saved as it goes."""

    def __init__(self, embedder: Embedder, file: Path) -> None:
        self._embedder = embedder
        self._file = file
        self._known: dict[str, NDArray[np.float32]] = {}
        if file.exists():
            with np.load(file) as saved:
                self._known = dict(zip(saved["keys"].tolist(), saved["vectors"], strict=True))

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    @property
    def plain(self) -> Embedder:
        """The one without a memory, for measuring time."""
        return self._embedder

    @property
    def known(self) -> NDArray[np.float32]:
        """Every vector in the cache: (texts, dimension)."""
        found = list(self._known.values())
        return np.stack(found) if found else np.zeros((0, self.dimension), dtype=np.float32)

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.token_counts(texts)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        keys = [_key(text) for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        waiting = list(fresh)
        for start in range(0, len(waiting), SAVE_EVERY):
            some = waiting[start : start + SAVE_EVERY]
            self._known |= dict(zip(some, self._embedder.embed([fresh[key] for key in some]), strict=True))
            if len(some) == SAVE_EVERY:
                print(f"  embedded {start + len(some)} of {len(waiting)} new texts", flush=True)
            self._save()
        return np.stack([self._known[key] for key in keys]) if keys else np.zeros((0, self.dimension), np.float32)

    def _save(self) -> None:
        waiting = self._file.with_name(f"{self._file.stem}.new.npz")
        np.savez(waiting, keys=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))
        waiting.replace(self._file)


def exported_minilm() -> Path:
    """The folder of the packaged MiniLM's export, made at the first call."""
    folder = Path(tempfile.gettempdir()) / "web4-agent-bench"
    folder.mkdir(exist_ok=True)
    if not (folder / "embedder").exists():
        export_minilm(packaged_minilm(), folder / "embedder")
    return folder / "embedder"


def cached_minilm(threads: int = 2) -> CachedEmbedder:
    """The packaged MiniLM, with its export and its vectors kept under the system's temporary folder."""
    model = exported_minilm()
    embedder = MiniLmOnnx(model, threads)
    return CachedEmbedder(embedder, model.parent / f"{hashlib.sha256(embedder.name.encode()).hexdigest()[:12]}.npz")


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]
