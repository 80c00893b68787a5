"""What the gateway is made of, as its endpoints see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from web4_agent.gateway.access import Access
from web4_agent.gateway.relay import RelayParts
from web4_agent.gateway.wire.errors import Refused

EMBEDDER = "all-minilm:latest"
_EMBEDDER_NAMES = {EMBEDDER, "all-minilm", "all-minilm-l6-v2", "sentence-transformers/all-minilm-l6-v2"}

Embed = Callable[[Sequence[str]], tuple[NDArray[np.float32], int]]
"""Texts to vectors (texts, dimension) and the number of tokens read."""


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """`give_feedback` takes response id, thumb, comment and client, and raises UsageError for an unknown id or thumb.

    `trouble` says, for a health page, what keeps the log or a store from working; empty when all is well.
    """

    relay: RelayParts
    access: Access
    embed: Embed
    give_feedback: Callable[[str, str, str, str], None]
    trouble: Callable[[], str]
    engine_name: str
    context_tokens: int
    parameters: str
    max_body_bytes: int

    def model_names(self) -> list[str]:
        """What may be asked for: the model, its production version by name, and the embedder."""
        version = self.relay.upstream.room.state.version
        return [self.relay.model, *([str(version)] if version else []), EMBEDDER]

    def known_model(self, name: str) -> None:
        """Raises Refused (404) unless the model may be asked for. Ollama's clients leave `:latest` out, or add it."""
        bare = self.relay.model.removesuffix(":latest")
        if name not in {bare, f"{bare}:latest", self.relay.model, self.relay.upstream.room.state.version}:
            raise self.no_such_model(name)

    def is_embedder(self, name: str) -> bool:
        return name.lower() in _EMBEDDER_NAMES

    def no_such_model(self, name: str) -> Refused:
        known = ", ".join(self.model_names())
        return Refused(404, f"model {name[:100]!r} not found; there are {known}", "model_not_found", param="model")
