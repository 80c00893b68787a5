"""docs/reference/cli.md: every command with its arguments, options and examples, in the order of the help page."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from tests.reference.markdown import page, table
from web4_agent.cli import commands, main
from web4_agent.domain import errors

INTRO = """
`web4-agent COMMAND --help` prints the same. Options stand after the command; `--json` prints the result as JSON and
nothing else, for programs. `web4-agent --install-completion` lets the shell complete commands and options.
"""


def text() -> str:
    commands.register(main.app)
    top: Any = typer.main.get_command(main.app)  # typer's own class or click's, by its version
    parts = [_section(path, command) for path, command in _walk(top, "") if path]
    return page("Commands", INTRO, "## Exit codes", _exit_codes(), *parts)


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, f"{path} {name}".strip())


def _section(path: str, command: Any) -> str:
    context = command.make_context(path, [], resilient_parsing=True)
    shown = [one for one in command.params if not getattr(one, "hidden", False) and "--help" not in one.opts]
    rows = [record for one in shown if (record := one.get_help_record(context))]
    words = [(f"`{re.sub(r'<list.(.+).>', _one, name)}`", help_text) for name, help_text in rows]
    usage = " ".join(("web4-agent", path, *command.collect_usage_pieces(context)))
    block = "\n".join(line[2:] for line in (command.epilog or "").split("\n")[2:])
    return "\n\n".join(
        part
        for part in (
            f"## web4-agent {path}",
            (command.help or "").strip(),
            f"    {usage}",
            table(("argument or option", "meaning"), words),
            f"Examples:\n\n```sh\n{block}\n```" if block else "",
        )
        if part
    )


def _one(many: re.Match[str]) -> str:
    """What is given once for each time the option is."""
    return f"<{many[1].lower()}>"


def _exit_codes() -> str:
    """From the tree at the top of the file of errors, whose every leaf is held against its class."""
    rows = [("0", "done"), ("1", "the answer is no: a candidate was rejected, a check failed, something was not sent")]
    for name, code, meaning in re.findall(r"── (\w+) +(\d+) +(.+)", errors.__doc__ or ""):
        assert getattr(errors, name).exit_code == int(code), name
        rows.append((code, meaning))
    rows += [("70", "a bug; the traceback is in a file that is named"), ("130", "stopped by Ctrl-C; nothing is lost")]
    return table(("code", "meaning"), rows)
