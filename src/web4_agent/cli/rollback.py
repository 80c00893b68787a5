"""`web4-agent rollback`: another version serves."""

from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.alerts import tell_people
from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.domain.ids import AdapterVersion

if TYPE_CHECKING:
    from web4_agent.flows.rollback import RolledBack


def command(
    version: Annotated[str | None, typer.Argument(help="The version to serve; else the one before.")] = None,
    home: HomeOption = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Let the documents left behind be trained again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let an earlier version serve. Documents that only the version left behind was taught are set apart."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.rollback import roll_back
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    tell = (lambda done: None) if as_json else _tell_serving
    target = AdapterVersion(version) if version else None
    try:
        done = roll_back(runtime.rollback_parts(), target, retrain=retrain, serves=tell)
        if as_json:
            typer.echo(to_json(done))
        else:
            _show(done)
        tell_people(runtime)
    finally:
        runtime.close()


def _show(done: "RolledBack") -> None:
    if done.quarantined:
        typer.echo(f"{done.quarantined} documents of the nights left behind are quarantined")
    if done.buffered:
        typer.echo(f"{done.buffered} documents are back in the buffer")
    if done.restored:
        typer.echo(f"{done.restored} documents are history again")


def _tell_serving(done: "RolledBack") -> None:
    typer.echo(f"{done.target} serves, in place of {done.source}")
    typer.echo("the vectors follow …")
