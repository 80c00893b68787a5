"""Item files: a team's own beside those that ship, and every mistake named with file, item and key."""

from pathlib import Path

import pytest

from tests.steps.harnesses.answering import harness
from web4_agent.domain.errors import SettingsError
from web4_agent.steps.harnesses import Given, catalogue, digest, load_harnesses

TRON = '[[item]]\nid = "ours"\nprompt = "p"\nreference = "r"\nholds = [["x"]]\n'


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "items"
    folder.mkdir()
    return folder


def refused(own: Path, name: str, text: str) -> str:
    (own / f"{name}.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_harnesses(own)
    assert str(own / f"{name}.toml") in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_a_teams_own_items_are_asked_beside_those_that_ship(own: Path) -> None:
    (own / "tron.toml").write_text(TRON)
    loaded = {one.name: one for one in load_harnesses(own)}
    assert len(loaded["tron"].items) == len(harness("tron").items) + 1
    ours = loaded["tron"].items[-1]
    assert ours.own
    assert ours.complaint(Given("Trigger: x\nResponse: x\nOutcome: x\nNext: x")) is None
    assert len(loaded["cmm"].items) == len(harness("cmm").items)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tron", TRON.replace("holds", "hold"), "item 'ours': key 'hold' is unknown"),
        ("tron", TRON.replace('id = "ours"', ""), "key 'id' must be text"),
        ("tron", TRON.replace('[["x"]]', '"x"'), "item 'ours': key 'holds' must be a list of lists"),
        ("tron", TRON.replace('reference = "r"', ""), "item 'ours': key 'reference'"),
        ("tron", TRON + TRON, "'ours' is used twice"),
        ("tron", TRON.replace("ours", "choose-sqlite"), "'choose-sqlite' is used twice"),
        ("tron", "item = []", "no items"),
        ("tron", "", "no [[item]] table"),
        ("tron", "= x", "not TOML"),
        ("cmm", '[[item]]\nid = "a"\nprompt = "p"\nreference = "r"\nlevel = "CMM7"\n', "key 'level' must be one of"),
        ("cmm", '[[item]]\nid = "a"\nprompt = "p"\nreference = "r"\n', "key 'level' or 'facets' must be there"),
        ("layers", '[[item]]\nid = "a"\nprompt = "p"\nreference = "r"\n', "key 'component' or 'path'"),
        ("refusal", '[[item]]\nid = "a"\nprompt = "p"\nreference = "r"\nrefuse = "yes"\n', "key 'refuse' must be true"),
        ("history", '[[item]]\nid = "a"\nprompt = "p"\nreference = "r"\nexpect = ["x"]\n', "key 'document'"),
    ],
)
def test_a_mistake_names_file_item_and_key(own: Path, name: str, text: str, said: str) -> None:
    assert said in refused(own, name, text)


TOOL = '[[item]]\nid = "a"\nprompt = "p"\nreference = "r"\necosystem = "continue"\ntool = "ls"\n'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("continue", "vim"), "key 'ecosystem' must be one of"),
        (('"ls"', '"search_web"'), "'search_web' is no tool of continue that the sandbox knows"),
        (('"ls"\n', '"ls"\nfiles = { "../x" = "y" }\n'), "key 'files' can't be used: ../x leads out"),
        (('"ls"\n', '"ls"\nfiles = { "x" = 3 }\n'), "key 'files' must be a table of texts"),
        (('"ls"\n', '"ls"\narguments = 3\n'), "key 'arguments' must be a table"),
    ],
)
def test_a_mistake_in_a_tool_item_is_named(own: Path, change: tuple[str, str], said: str) -> None:
    assert said in refused(own, "tools", TOOL.replace(*change))


def test_a_file_that_is_named_after_no_harness_is_refused(own: Path) -> None:
    assert "no harness is called tronn" in refused(own, "tronn", TRON)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"evaluation\.team_items"):
        load_harnesses(tmp_path / "none")


def test_a_harness_without_data_is_an_error_and_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "shipped", lambda _: tmp_path)
    with pytest.raises(SettingsError) as caught:
        load_harnesses()
    assert (
        f"{tmp_path / 'pdca-schema.toml'}: no such file: the harness pdca-schema has no items" in caught.value.message
    )
    assert "--harness" in caught.value.hint


def test_refusals_of_one_kind_alone_give_no_f1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from web4_agent.steps.judging.tables import shipped

    for file in shipped("harnesses").glob("*.toml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    one = '[[item]]\nid = "a"\nprompt = "p"\nreference = "r"\nrefuse = true\n'
    (tmp_path / "refusal.toml").write_text(one)
    monkeypatch.setattr(catalogue, "shipped", lambda _: tmp_path)
    with pytest.raises(SettingsError, match="F1 needs items"):
        load_harnesses()


def test_the_digest_changes_with_the_items_and_with_their_files(own: Path) -> None:
    (own / "tron.toml").write_text(TRON)
    before = next(one for one in load_harnesses(own) if one.name == "tron")
    whole = digest(before, before.items)
    assert digest(before, before.items[:3]) != whole
    (own / "tron.toml").write_text(TRON.replace('"p"', '"q"'))
    assert digest(before, before.items) != whole
