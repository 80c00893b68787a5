"""`web4-agent init`: make a home."""

from pathlib import Path
from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption
from web4_agent.cli.screen import console


def command(
    home: HomeOption = None,
    journal: Annotated[Path | None, typer.Option(help="Folder of the PDCA documents.")] = None,
    model: Annotated[str | None, typer.Option(help="Base model: a GGUF file, a folder, a hub id.")] = None,
) -> None:
    """Make a home: settings, ledger, and the base model converted once and registered as golden."""
    from web4_agent.bootstrap import found_home

    overrides: dict[str, object] = {}
    if journal is not None:
        overrides["journal.root"] = str(journal.expanduser().absolute())
    if model is not None:
        overrides["model.base"] = model
    out = console()
    runtime, fresh = found_home(home, overrides, lambda text: out.print(f"  {text} …", markup=False, soft_wrap=True))
    try:
        if not fresh and overrides:
            out.print(f"kept the settings in {runtime.home.settings}: change them there", markup=False, soft_wrap=True)
        out.print(f"home: {runtime.home.root}", markup=False, soft_wrap=True)
        out.print(f"journal: {runtime.journal}", markup=False, soft_wrap=True)
        out.print("production and golden: base", markup=False, soft_wrap=True)
        out.print("next: web4-agent index --all; and for your editor: web4-agent serve", markup=False, soft_wrap=True)
    finally:
        runtime.close()
