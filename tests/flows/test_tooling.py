"""Tool ecosystems over fakes: indexed once, switched at once, and never without what a query would read."""

import shutil
from pathlib import Path

import pytest

from tests.flows.fakes import World
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.errors import SettingsError, UsageError, VectorStoreError
from web4_agent.flows.tooling import ToolParts, ensure_tools, find_pack, list_packs, use_ecosystem
from web4_agent.records import collections, documents, references, switches
from web4_agent.steps.projection import TOOL_EXAMPLES, differences
from web4_agent.steps.tool_packs import find_packs

CLINE = find_packs()["cline"].folder


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def parts(world: World) -> ToolParts:
    return ToolParts(
        world.database, ScriptedEmbedder, lambda: world.store, world.clock, world.home.tool_packs, "continue"
    )


def switch(world: World) -> str:
    with world.database.read() as connection:
        return switches.get(connection, switches.ECOSYSTEM)


def ecosystems(world: World) -> set[str]:
    return {name.partition(":")[2].partition("/")[0] for name in world.store.ids(TOOL_EXAMPLES).values()}


def own_pack(world: World, name: str = "harbour") -> Path:
    """A team's pack: Cline's, under a name of its own."""
    folder = world.home.tool_packs / name
    shutil.copytree(CLINE, folder)
    head = folder / "pack.toml"
    head.write_text(head.read_text().replace('name = "cline"', f'name = "{name}"'))
    return folder


def broken_store() -> VectorStore:
    raise VectorStoreError("locked", "web4-agent doctor")


def test_a_first_use_indexes_the_pack_and_writes_the_switch(world: World, parts: ToolParts) -> None:
    done = use_ecosystem(parts, "cline")
    assert (done.ecosystem, done.known, done.chunks) == ("cline", ("cline",), done.examples)
    assert switch(world) == "cline"
    vector = ScriptedEmbedder().embed(["Open an issue in the harbour tracker: the tide chart is one hour early."])[0]
    (match,) = world.store.query(TOOL_EXAMPLES, vector, 1, {"ecosystem": "cline"})
    assert match.entry.metadata["title"] == "use_mcp_tool"
    assert "<tool_name>create_issue</tool_name>" in match.entry.text
    assert world.store.query(TOOL_EXAMPLES, vector, 1, {"ecosystem": "continue"}) == []


def test_switching_to_what_is_indexed_embeds_nothing(world: World, parts: ToolParts) -> None:
    assert ensure_tools(parts).known == ("cline", "continue")
    with world.database.read() as connection:
        epoch = collections.epochs(connection)[TOOL_EXAMPLES]
    for name in ("cline", "continue", "continue"):
        assert use_ecosystem(parts, name).chunks == 0
        assert switch(world) == name
    with world.database.read() as connection:
        assert collections.epochs(connection)[TOOL_EXAMPLES] == epoch
        assert documents.states(connection) == {}


def test_an_unknown_ecosystem_names_those_there_are_and_changes_nothing(world: World, parts: ToolParts) -> None:
    with pytest.raises(UsageError, match="no pack is called 'emacs'; known are cline, continue"):
        use_ecosystem(parts, "emacs")
    assert switch(world) == ""


def test_the_switch_is_written_last(world: World, parts: ToolParts) -> None:
    failing = ToolParts(world.database, ScriptedEmbedder, broken_store, world.clock, parts.own, parts.default)
    with pytest.raises(VectorStoreError):
        use_ecosystem(failing, "cline")
    assert switch(world) == ""
    use_ecosystem(parts, "cline")
    assert ecosystems(world) == {"cline"}


def test_a_gateway_that_starts_finds_all_packs_and_the_default_in_force(world: World, parts: ToolParts) -> None:
    ready = ensure_tools(parts)
    assert (ready.ecosystem, ready.known, ready.broken) == ("continue", ("cline", "continue"), ())
    assert len(world.store.ids(TOOL_EXAMPLES)) == ready.examples == ready.chunks
    again = ensure_tools(parts)
    assert again.chunks == 0
    assert all(one.empty for one in differences(world.database, world.store))


def test_starting_mends_vectors_that_were_lost(world: World, parts: ToolParts) -> None:
    ensure_tools(parts)
    some = sorted(set(world.store.ids(TOOL_EXAMPLES).values()))[:3]
    world.store.remove(TOOL_EXAMPLES, some)
    assert ensure_tools(parts).chunks == 3


def test_a_teams_own_pack_comes_changes_and_goes(world: World, parts: ToolParts) -> None:
    folder = own_pack(world)
    assert use_ecosystem(parts, "harbour").ecosystem == "harbour"
    examples = folder / "examples.toml"
    examples.write_text(examples.read_text().replace("Run the tests.", "Run all the tests, please."))
    assert use_ecosystem(parts, "harbour").chunks == 1
    ensure_tools(parts)
    shutil.rmtree(folder)
    assert ensure_tools(parts).known == ("cline", "continue")
    assert ecosystems(world) == {"cline", "continue"}


def test_a_broken_pack_is_named_and_stops_nobody_else(world: World, parts: ToolParts) -> None:
    folder = own_pack(world)
    ensure_tools(parts)
    (folder / "pack.toml").write_text("name = ")
    ready = ensure_tools(parts)
    assert [problem.pack for problem in ready.broken] == ["harbour"]
    assert "harbour" in ready.known
    assert use_ecosystem(parts, "cline").ecosystem == "cline"
    with pytest.raises(SettingsError, match=r"pack harbour, pack\.toml"):
        use_ecosystem(parts, "harbour")
    assert switch(world) == "cline"


def test_the_list_tells_origin_counts_and_force(world: World, parts: ToolParts) -> None:
    own_pack(world)
    use_ecosystem(parts, "cline")
    found = {one.name: one for one in list_packs(parts)}
    assert list(found) == ["cline", "continue", "harbour"]
    assert [one.shipped for one in found.values()] == [True, True, False]
    assert [one.name for one in found.values() if one.in_force] == ["cline"]
    cline = found["cline"]
    assert cline.indexed == cline.examples + cline.negatives == len(find_pack(parts, "cline").examples)
    assert found["continue"].indexed == 0


def test_references_say_where_an_example_is_from(world: World, parts: ToolParts) -> None:
    use_ecosystem(parts, "continue")
    with world.database.read() as connection:
        known = references.known(connection, TOOL_EXAMPLES)
        row = references.get(connection, next(iter(known)))
    assert row is not None
    assert (row.ecosystem, row.collection) == ("continue", TOOL_EXAMPLES)
    assert row.root == str(find_packs()["continue"].folder)
