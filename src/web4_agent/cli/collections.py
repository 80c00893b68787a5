"""`web4-agent collections`: what retrieval looks into, how each collection stands, and building one anew."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table, watching

app = typer.Typer(
    help="The collections that retrieval looks into: how each stands against the ledger, and building one anew.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

NameArgument = Annotated[str, typer.Argument(help="A collection's name, as `web4-agent collections` lists it.")]


@app.callback()
def overview(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Documents, chunks, vectors and epoch of each collection. Exit code 1: one differs from the ledger."""
    if context.invoked_subcommand is not None:
        return
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.collections import overview as look
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = look(runtime.collection_parts())
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json([{**asdict(one), "healthy": one.healthy} for one in found]))
    else:
        listed = table("Collections", "name", "documents", "chunks", "vectors", "epoch", "last change, UTC", "")
        for one in found:
            changed = f"{one.changed_utc:%Y-%m-%d %H:%M}" if one.changed_utc else "-"
            row(listed, one.name, one.documents, one.chunks, one.vectors, one.epoch, changed, one.differs or "well")
        out = console()
        out.print(listed)
        for one in found:
            if not one.healthy:
                out.print(f"{one.name}: try web4-agent collections reindex {one.name}", markup=False, soft_wrap=True)
    if not all(one.healthy for one in found):
        raise typer.Exit(1)


@app.command()
def reindex(name: NameArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Embed a collection anew from the ledger; whoever reads finds it whole meanwhile."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.collections import reindex as build
    from web4_agent.storage.payload import to_json

    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher, follow=False)
        try:
            done = build(runtime.collection_parts(), name)
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json(done))
    else:
        out.print(
            f"{done.name}: {done.chunks} chunks embedded anew, {done.seconds:.1f} s", markup=False, soft_wrap=True
        )


@app.command()
def recut(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Cut the journal into sections of the length that the settings say, and embed those that changed."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.recutting import recut as cut
    from web4_agent.storage.payload import to_json

    out = Console(stderr=True) if as_json else console()
    with watching(out) as watcher:
        runtime = open_home(home, watcher, follow=False)
        try:
            done = cut(runtime.recut_parts())
        finally:
            runtime.close()
    if as_json:
        typer.echo(to_json(done))
    else:
        told = f"{done.changed} of {done.documents} documents cut anew into sections of at most {done.tokens} tokens"
        out.print(f"{told}, {done.embedded} sections embedded, {done.seconds:.1f} s", markup=False, soft_wrap=True)


@app.command()
def forget(
    name: NameArgument,
    folder: Annotated[Path, typer.Argument(help="The folder whose files leave the collection.")],
    home: HomeOption = None,
) -> None:
    """Take out what a folder brought to process_docs or components, whether or not it is still there."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.referencing import forget_folder

    runtime = open_home(home, follow=False)
    try:
        left = forget_folder(runtime.reference_parts(), name, folder)
    finally:
        runtime.close()
    console().print(f"{left} files of {folder} left {name}", markup=False, soft_wrap=True)
