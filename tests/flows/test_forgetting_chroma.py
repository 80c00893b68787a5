"""Forgetting in a home with the vector store that ships: its files keep neither text nor vector of what was removed."""

from pathlib import Path

import numpy as np

from tests.flows.fakes import World
from tests.flows.pages import page, write
from tests.flows.test_forgetting import NAME, SECRET, holding, parts
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.vectors.chroma import ChromaStore
from web4_agent.backends.vectors.chroma_apart import ChromaApart
from web4_agent.domain.home import Home
from web4_agent.flows.forgetting import ForgetRequest, forget
from web4_agent.steps.projection import BUFFER, differences


class Counting(ScriptedEmbedder):
    """Counts the texts that were embedded."""

    embedded = 0

    def embed(self, texts):  # type: ignore[no-untyped-def] # as its base
        Counting.embedded += len(texts)
        return super().embed(texts)


def test_chroma_keeps_neither_text_nor_vector_and_nothing_is_embedded_again(tmp_path: Path) -> None:
    store = ChromaStore(Home(tmp_path / "home").vectors)
    world = World(tmp_path, store=store).write_journal()
    write(world.journal, "0902-vault-door", page("vault door procedure of pier nine", SECRET), "2026-03-03")
    world.index()
    removed = [chunk for chunk, document in store.ids(BUFFER).items() if document == NAME]
    (vector,) = store.vectors(BUFFER, removed[:1]).values()
    kept = {chunk for chunk, document in store.ids(BUFFER).items() if document != NAME}
    store.close()
    assert any("vectors" in path for path in holding(world, "zanzibarquux"))
    Counting.embedded = 0

    def look_in(point: str) -> None:
        if point == "forget.vectors.moving":  # as a gateway that is asked something in this very moment
            store.close()
            assert store.ids(BUFFER) == {}
            store.close()

    forget(parts(world, look_in, fresh_store=ChromaApart, embedder=Counting), ForgetRequest((NAME,)))
    assert holding(world, "zanzibarquux", NAME) == []
    raw = np.asarray(vector, dtype=np.float32).tobytes()
    assert not any(raw in path.read_bytes() for path in world.home.root.rglob("*") if path.is_file())
    assert set(store.ids(BUFFER)) == kept
    assert all(one.empty for one in differences(world.database, store))
    assert Counting.embedded == 0
    store.close()
