"""`web4-agent rollback`: another version serves."""

from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption
from web4_agent.cli.screen import console
from web4_agent.domain.ids import AdapterVersion


def command(
    version: Annotated[str | None, typer.Argument(help="The version to serve; else the one before.")] = None,
    home: HomeOption = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Let the documents left behind be trained again.")] = False,
) -> None:
    """Let an earlier version serve. Documents that only the version left behind was taught are set apart."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.rollback import roll_back

    runtime = open_home(home, follow=False)
    try:
        done = roll_back(runtime.rollback_parts(), AdapterVersion(version) if version else None, retrain=retrain)
    finally:
        runtime.close()
    out = console()
    out.print(f"{done.target} serves, in place of {done.source}", markup=False)
    if done.quarantined:
        out.print(f"{done.quarantined} documents of the nights left behind are quarantined", markup=False)
    if done.buffered:
        out.print(f"{done.buffered} documents are back in the buffer", markup=False)
    if done.restored:
        out.print(f"{done.restored} documents are history again", markup=False)
