"""Packs: those that ship are whole; every kind of mistake in a team's own is found, named and comes with its fix."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from web4_agent.domain.errors import SettingsError
from web4_agent.steps.tool_packs import (
    Call,
    Syntax,
    find_packs,
    load_pack,
    read_pack,
    render_call,
    render_example,
)

SHIPPED = find_packs()
TOOL = {
    "name": "open_berth",
    "description": "Open a berth's page.",
    "parameters": {
        "type": "object",
        "properties": {"berth": {"type": "integer"}},
        "required": ["berth"],
        "additionalProperties": False,
    },
}
POSITIVE = (
    '[[example]]\nid = "one"\nquestion = "Open berth 4."\ntool = "open_berth"\narguments = { berth = 4 }\nwhy = "w"\n'
)
NEGATIVE = (
    '[[negative]]\nid = "two"\nquestion = "What is a berth?"\nanswer = "A place for a ship."\nwhy = "w"\n'
    'fault = "no tool"\nwrong = { tool = "open_berth", arguments = { berth = 1 } }\n'
)
HEAD = 'name = "harbour"\ndescription = "our own"\nsyntax = "json"\n'
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(*, head: str = HEAD, tools: object = (TOOL,), examples: str = POSITIVE + NEGATIVE) -> Path:
        folder = tmp_path / "harbour"
        folder.mkdir(exist_ok=True)
        (folder / "pack.toml").write_text(head)
        (folder / "tools.json").write_text(tools if isinstance(tools, str) else json.dumps(tools))
        (folder / "examples.toml").write_text(examples)
        return folder

    return written


def test_continue_and_cline_ship() -> None:
    assert list(SHIPPED) == ["cline", "continue"]
    assert all(source.shipped for source in SHIPPED.values())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_pack_that_ships_is_whole_and_shows_every_tool(name: str) -> None:
    pack = load_pack(SHIPPED[name].folder)
    assert len(pack.positives) >= 30
    assert len(pack.negatives) >= 8
    assert {one.tool for one in pack.positives} == {tool.name for tool in pack.tools}
    assert len({one.question for one in pack.examples}) == len(pack.examples)


def test_continue_calls_are_json_and_cline_calls_are_tags() -> None:
    call = Call("read_file", {"filepath": "a b.md"})
    assert json.loads(render_call(call, Syntax.JSON)) == {"name": "read_file", "arguments": {"filepath": "a b.md"}}
    many = Call("write_to_file", {"path": "a.md", "content": "one\ntwo", "flag": True, "n": ["x"]})
    assert render_call(many, Syntax.XML) == (
        "<write_to_file>\n<path>a.md</path>\n<content>\none\ntwo\n</content>\n<flag>true</flag>\n"
        '<n>["x"]</n>\n</write_to_file>'
    )


def test_an_example_shows_the_right_call_and_never_writes_the_wrong_one_out() -> None:
    pack = load_pack(SHIPPED["cline"].folder)
    shown = {one.id: render_example(one, pack) for one in pack.examples}
    assert "<command>npm test</command>" in shown["command-tests"]
    assert "<write_to_file>" not in shown["not-write-for-one-word"]
    assert "Not: write_to_file" in shown["not-write-for-one-word"]
    assert "Answer without a tool: An operation" in shown["not-fetch-for-knowledge"]


def test_a_team_adds_a_pack_and_stands_in_for_one_that_ships(write: Write, tmp_path: Path) -> None:
    folder = write()
    found = find_packs(tmp_path)
    assert list(found) == ["cline", "continue", "harbour"]
    assert (found["harbour"].folder, found["harbour"].shipped) == (folder, False)
    (tmp_path / "cline").mkdir()
    assert not find_packs(tmp_path)["cline"].shipped
    assert load_pack(folder).tools[0].name == "open_berth"


BAD = {
    "a name that is not the folder's": ({"head": HEAD.replace("harbour", "port")}, "pack.toml", "name"),
    "a way to write calls that is none": ({"head": HEAD.replace("json", "yaml")}, "pack.toml", "syntax"),
    "an unknown key": ({"head": HEAD + "colour = 1\n"}, "pack.toml", "colour"),
    "no TOML": ({"head": "name = "}, "pack.toml", "the file"),
    "no JSON": ({"tools": "[{"}, "tools.json", "the file"),
    "no list of tools": ({"tools": {}}, "tools.json", "the file"),
    "a tool with another key": ({"tools": [TOOL | {"color": 1}]}, "tools.json", "tool open_berth"),
    "no schema": (
        {"tools": [TOOL | {"parameters": {"type": "object", "required": 3}}]},
        "tools.json",
        "tool open_berth",
    ),
    "a schema that reaches out": (
        {"tools": [TOOL | {"parameters": {"type": "object", "properties": {"a": {"$ref": "http://x/y"}}}}]},
        "tools.json",
        "tool open_berth",
    ),
    "a tool twice": ({"tools": [TOOL, TOOL]}, "tools.json", "tool open_berth"),
    "a tool without an example": ({"tools": [TOOL, TOOL | {"name": "idle"}]}, "tools.json", "tool idle"),
    "arguments that don't fit": ({"examples": POSITIVE.replace("= 4", '= "4"')}, "examples.toml", "example one"),
    "an unknown tool": ({"examples": POSITIVE + POSITIVE.replace("open_", "sink_")}, "examples.toml", "example one"),
    "no why": ({"examples": POSITIVE.replace('why = "w"\n', "")}, "examples.toml", "example one"),
    "an unknown key in an example": ({"examples": POSITIVE + "colour = 1\n"}, "examples.toml", "example one"),
    "an id twice": ({"examples": POSITIVE + NEGATIVE.replace("two", "one")}, "examples.toml", "example one"),
    "no example": ({"examples": NEGATIVE}, "examples.toml", "the file"),
    "a negative that is right": (
        {"examples": POSITIVE + NEGATIVE.replace("no tool", "arguments")},
        "examples.toml",
        "negative two",
    ),
    "a negative of a known tool as unknown": (
        {"examples": POSITIVE + NEGATIVE.replace("no tool", "unknown tool")},
        "examples.toml",
        "negative two",
    ),
    "a negative without the right tool": (
        {"examples": POSITIVE + NEGATIVE.replace("no tool", "other tool")},
        "examples.toml",
        "negative two",
    ),
    "a negative without its fault": (
        {"examples": POSITIVE + NEGATIVE.replace('fault = "no tool"\n', "")},
        "examples.toml",
        "negative two",
    ),
    "an example too long": (
        {"examples": POSITIVE.replace("Open berth 4.", "Open berth 4. " * 200)},
        "examples.toml",
        "example one",
    ),
}


@pytest.mark.parametrize(("change", "file", "place"), BAD.values(), ids=list(BAD))
def test_a_mistake_is_named_with_file_and_place_and_comes_with_its_fix(
    write: Write, change: dict[str, object], file: str, place: str
) -> None:
    _, problems = read_pack(write(**change))
    assert (file, place) in {(one.file, one.place) for one in problems}
    assert all(one.pack == "harbour" and one.complaint and one.fix for one in problems)


def test_loading_a_bad_pack_tells_the_first_mistake_and_how_many_more(write: Write) -> None:
    folder = write(head=HEAD.replace("harbour", "port") + "colour = 1\n")
    with pytest.raises(SettingsError, match=r"pack harbour, pack\.toml, name.*1 more") as raised:
        load_pack(folder)
    assert raised.value.hint == 'name = "harbour"'


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    _, problems = read_pack(folder)
    assert [one.file for one in problems] == ["pack.toml", "tools.json", "examples.toml"]


def test_the_examples_in_the_documentation_make_a_whole_pack(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "tools.md").read_text(encoding="utf-8")
    blocks = dict(zip(("pack.toml", "tools.json", "examples.toml"), fenced(page), strict=True))
    folder = tmp_path / tomllib.loads(blocks["pack.toml"])["name"]
    folder.mkdir()
    for name, text in blocks.items():
        (folder / name).write_text(text)
    assert len(load_pack(folder).examples) >= 2


def fenced(page: str) -> list[str]:
    """The contents of a page's fenced blocks that are in TOML or JSON."""
    return [
        block.partition("\n")[2] for block in page.split("```")[1::2] if block.partition("\n")[0] in {"toml", "json"}
    ]
