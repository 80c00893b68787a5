"""Every command's help page: it has examples, and they are commands that exist with options that they take."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from web4_agent.cli import commands, main
from web4_agent.cli.examples import EXAMPLES, ROOT

commands.register(main.app)
TOP: Any = typer.main.get_command(main.app)  # typer's own classes or click's, by its version


def walk(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, f"{path} {name}".strip())


PAGES = dict(walk(TOP))
DOCS = Path(__file__).resolve().parents[2] / "docs"
_IN_A_BLOCK = re.compile(r"^(?:    )?(web4-agent [^\n]*|WEB4_\w+=\S+ web4-agent [^\n]*)$", re.MULTILINE)


def told_in(page: str) -> list[str]:
    return _IN_A_BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


LINES = [*ROOT, *(line for lines in EXAMPLES.values() for line in lines)]
LINES += [line for page in ("install.md", "observability.md") for line in told_in(page)]


def calls(line: str) -> list[list[str]]:
    """The arguments of each `web4-agent` in a line of the shell, without comments, variables and redirections."""
    words = shlex.split(line, comments=True)
    cut = next((place for place, word in enumerate(words) if re.fullmatch(r">>?|\|", word)), len(words))
    joined = shlex.join(words[:cut]).split(" '&&' ")
    return [[word for word in shlex.split(part) if not re.match(r"WEB4_\w+=", word)] for part in joined]


def parse(command: Any, arguments: list[str]) -> None:
    """As a call would, without doing it. Raises the parser's own errors."""
    with command.make_context(command.name or "web4-agent", list(arguments)) as context:
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if rest:
            _, child, rest = command.resolve_command(context, rest)
            parse(child, rest)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path or "web4-agent")
def test_every_help_page_has_an_examples_block(path: str) -> None:
    page = PAGES[path].epilog or ""
    assert "EXAMPLES\n" in page, f"write examples for {path!r} in src/web4_agent/cli/examples.py"
    assert f"  web4-agent {path}".rstrip() in page or "web4-agent" in page


def test_the_block_is_printed_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["quarantine", "approve", "--help"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2].strip() == "EXAMPLES"
    assert printed[-1].strip() == EXAMPLES["quarantine approve"][0]


@pytest.mark.parametrize("path", EXAMPLES)
def test_examples_are_of_a_command_that_exists(path: str) -> None:
    assert path in PAGES
    assert all(f"web4-agent {path}" in line for line in EXAMPLES[path])


@pytest.mark.parametrize("line", LINES)
def test_every_example_parses(line: str) -> None:
    for program, *arguments in calls(line):
        assert program == "web4-agent"
        if arguments[0] in PAGES:
            parse(TOP, arguments)
        else:
            assert arguments[0] in {option for one in TOP.params for option in one.opts}, line


def test_an_example_with_an_option_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(Exception, match="--nowhere"):
        parse(TOP, ["tools", "use", "cline", "--nowhere"])


def test_the_shell_completes_commands_and_options() -> None:
    asked = {"_WEB4_AGENT_COMPLETE": "complete_bash", "COMP_WORDS": "web4-agent quara", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "web4_agent.cli.main"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.split() == ["quarantine"], done.stderr
