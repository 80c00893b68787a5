"""`web4-agent export`: the query log as JSON lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from web4_agent.cli.options import DaysOption, HomeOption
from web4_agent.domain.errors import UsageError


def command(
    home: HomeOption = None,
    days: DaysOption = 7,
    out: Annotated[Path | None, typer.Option(help="A file to write; else standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file when it is there.")] = False,
) -> None:
    """One JSON object a query, oldest first: figures, sources, text as far as it is kept, and feedback."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.exporting import export
    from web4_agent.storage.atomic import publish_file

    if out is not None and out.exists() and not force:
        raise UsageError(f"{out} is there already", "choose another file, or add --force")
    runtime = open_home(home, follow=False)
    try:
        lines = export(runtime.export_parts(), days)
        if out is None:
            for line in lines:
                typer.echo(line)
            return
        publish_file(lambda path: _write(path, lines), out.absolute())
    finally:
        runtime.close()
    typer.echo(f"written: {out}", err=True)


def _write(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
