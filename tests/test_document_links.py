"""Pages lead somewhere: every link, every page that code names, every option and every setting in a page is there."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from web4_agent import settings
from web4_agent.cli import commands, main

ROOT = Path(__file__).resolve().parents[1]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
OPTION = re.compile(r"--[a-z][a-z-]*")
EXAMPLES = frozenset({"docs/releases.md"})
"""Of somebody else's project, in a docstring."""


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them: lower case, without marks, blanks as hyphens."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    found = set()
    for heading in re.findall(r"^#{1,6} (.*)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_of_a_page_leads_to_a_page_and_a_part_of_it(page: Path) -> None:
    text = CODE.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), f"{_name(page)} links to {link}"
        assert not anchor or anchor in _anchors(target), f"{_name(page)} links to {link}"


def test_every_page_that_code_names_is_there() -> None:
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        for named in re.findall(r"\bdocs/[a-z_/-]+\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / named).exists() or named in EXAMPLES, f"{_name(path)} names {named}"


def test_every_file_that_a_page_names_is_there() -> None:
    places = r"(?:src|tests|benchmarks|docs|packaging)/[\w./-]*\w\.(?:py|md|toml|json|yaml|yml)"
    for page in PAGES:
        for named in re.findall(rf"`[^`\n]*?({places})", page.read_text(encoding="utf-8")):
            assert (ROOT / named).exists(), f"{_name(page)} names {named}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_options_that_a_page_gives_a_command_are_the_commands_own(page: Path) -> None:
    for path, words in _typed(page.read_text(encoding="utf-8")):
        for option in OPTION.findall(" ".join(words)):
            assert option in _options(path), f"{_name(page)}: web4-agent {' '.join(path)} has no {option}"


def _typed(text: str) -> list[tuple[tuple[str, ...], list[str]]]:
    """What stands behind `web4-agent` until the line or the quotation ends: (command, group's command), the rest."""
    found = []
    for rest in re.findall(r"web4-agent ((?:[^\s`|;)]|[ ](?! ))+)", text):
        words = rest.split()
        path = next((path for path in (tuple(words[:2]), tuple(words[:1])) if path in _commands()), None)
        if path is not None:
            found.append((path, words[len(path) :]))
    return found


@cache
def _commands() -> dict[tuple[str, ...], frozenset[str]]:
    """Every command by its words, with its options."""
    commands.register(main.app)
    root = get_command(main.app)
    found: dict[tuple[str, ...], frozenset[str]] = {}
    for name, command in root.commands.items():  # type: ignore[attr-defined] # a group, as the app has commands
        found[name,] = frozenset(option for one in command.params for option in one.opts) | {"--help"}
        for inner, below in getattr(command, "commands", {}).items():
            found[name, inner] = frozenset(option for one in below.params for option in one.opts) | {"--help"}
    return found


def _options(path: tuple[str, ...]) -> frozenset[str]:
    return _commands()[path]


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "reference"], ids=_name)
def test_settings_that_a_page_names_exist(page: Path) -> None:
    """Those of reference/ are made from the code, and tables of the database are called like tables of the settings."""
    tables = {name: set(field.annotation.model_fields) for name, field in settings.Settings.model_fields.items()}  # type: ignore[union-attr] # tables
    text = page.read_text(encoding="utf-8")
    for table, key in re.findall(rf"`({'|'.join(tables)})\.([a-z_]+)(?:[` =])", text):
        assert key in tables[table] or key in {"py", "db", "sqlite"}, f"{_name(page)} names {table}.{key}"
    for table, key in re.findall(r"\bWEB4_([A-Z]+)__([A-Z_]+)\b", text):
        if (table, key) != ("TABLE", "KEY"):
            assert key.lower() in tables[table.lower()], f"{_name(page)} names WEB4_{table}__{key}"


def test_defaults_that_a_page_lists_are_the_settings_own() -> None:
    """Rows of tables: | `gateway.port` | 8484 | why |."""
    found = 0
    for page in PAGES:
        rows = re.findall(r"^\| `([a-z]+)\.([a-z_]+)` \| ([^|]+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
        for table, key, told in rows:
            if table in settings.Settings.model_fields:
                default = getattr(getattr(settings.Settings(), table), key)
                assert told.strip() == _shown(default), f"{_name(page)}: {table}.{key} is {default!r}"
                found += 1
    assert found > 15


def _shown(default: object) -> str:
    """As a table writes it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, str):
        return f"`{default}`" if default else "empty"
    number = float(str(default))
    return f"{number:,.0f}" if number == int(number) and number >= 10_000 else f"{number:g}"


def test_commands_in_pages_can_be_read_by_a_shell() -> None:
    for page in PAGES:
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for line in re.findall(r"^\s*\$ (.*)$", block, re.MULTILINE):
                assert shlex.split(line), f"{_name(page)}: {line}"


def test_the_index_of_the_pages_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / link).resolve() for link in LINK.findall(index.read_text(encoding="utf-8"))}
    generated = ROOT / "docs" / "reference"
    for page in (ROOT / "docs").rglob("*.md"):
        assert page in named or page == index or generated in page.parents, f"docs/README.md does not name {page.name}"
