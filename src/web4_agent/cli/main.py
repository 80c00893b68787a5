"""The command line: registers the commands, and turns every error into one line, a hint and an exit code.

Commands import what they need when they run, so that `--help` stays fast.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import typer

from web4_agent.cli.examples import ROOT_EXAMPLES
from web4_agent.domain import errors
from web4_agent.domain.errors import Web4Error

_WRONG_USAGE: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""The parser's own error, by its place above the public one: typer may bring its parser along or take click's."""

app = typer.Typer(
    name="web4-agent",
    help="A local language model that learns its team's journal every night, and proves it.",
    no_args_is_help=True,
    epilog=ROOT_EXAMPLES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 the answer is no, 2 to 15 as `domain/errors.py` says, 70 a bug."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns the exit code. One of the three places with a broad except: it keeps the traceback."""
    from web4_agent.cli import commands

    commands.register(app)
    try:
        code = app(arguments, standalone_mode=False, prog_name="web4-agent")
    except _WRONG_USAGE as error:
        error.show()
        return errors.UsageError.exit_code
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("stopped; nothing is lost: type the same command again to go on", err=True)
        return 130
    except BrokenPipeError:
        return _closed_pipe()
    except Web4Error as error:
        typer.echo(f"error: {error.message}", err=True)
        if error.hint:
            typer.echo(f"  try: {error.hint}", err=True)
        return error.exit_code
    except Exception:  # noqa: BLE001 - the last resort of the command line: record the traceback, tell in one line
        return _bug()
    return code if isinstance(code, int) else 0


def _closed_pipe() -> int:
    """The reader of our output went away (`| head`): no error of ours, and nothing more may be written to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _bug() -> int:
    report = Path(os.environ.get("TMPDIR", "/tmp")) / f"web4-agent-error-{os.getpid()}.txt"  # noqa: S108 - a report, named for the process
    text = traceback.format_exc()
    try:
        report.write_text(text, encoding="utf-8")
        where = f"the traceback is in {report}"
    except OSError:
        where = text
    typer.echo(f"error: this is a bug: {text.strip().splitlines()[-1]}", err=True)
    typer.echo(f"  {where}; please report it", err=True)
    return 70


if __name__ == "__main__":
    main()
