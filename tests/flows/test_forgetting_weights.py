"""The weights of a real model after forgetting: those of a home that never had the document, bit for bit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flows.fakes import POLICY
from tests.flows.pages import page, write
from tests.flows.real_nights import Recipe, tiny_llama
from tests.flows.test_forgetting import QuickWorld, later_day, lineage
from web4_agent.domain.samples import SampleOrigin

NAME = "2026-03-02/2026-03-02-UTC-0905-vault-door.pdca.md"
HOT = replace(POLICY, rank=4, alpha=8, learning_rate=3e-3, tokens_per_step=600, max_sample_tokens=96, max_tokens=2500)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    with tiny_llama(tmp_path_factory.mktemp("models")) as base:
        yield Recipe(base, HOT)


def lived(root: Path, recipe: Recipe, *, with_secret: bool) -> QuickWorld:
    """Two short nights; the secret is in the first and comes again by replay in the second."""
    root.mkdir()
    world = QuickWorld(root)
    days: Sequence[Sequence[str]] = (
        ["rope-store", "crane-check", "fog-horn"],
        ["tar-barrel", "light-ship", "pilot-boat"],
    )
    for at, names in enumerate(days):
        later_day(world, 2 + at, names)
        if at == 0 and with_secret:
            write(world.journal, "0905-vault-door", page("vault door procedure", "The word is zanzibarquux. " * 3))
        world.index()
        recipe.night(world, at)
    return world


@pytest.mark.slow  # six real trainings, of a tiny model
def test_the_weights_are_those_of_a_lineage_that_never_had_the_document(recipe: Recipe, tmp_path: Path) -> None:
    world = lived(tmp_path / "had", recipe, with_secret=True)
    had = lineage(world)
    trained = (world.home.runs / "night-2026-03-03-1" / "samples.json").read_text()
    assert NAME in trained, "the second night replays it"
    assert SampleOrigin.REPLAY in trained
    recipe.forget(world, NAME)
    never = lived(tmp_path / "never", recipe, with_secret=False)
    assert lineage(world) == lineage(never)
    assert lineage(world)[:2] != had[:2]
    for version in lineage(never)[:-1]:
        ours, theirs = (one.home.adapter(version) / "adapter_model.safetensors" for one in (world, never))
        assert ours.read_bytes() == theirs.read_bytes()
