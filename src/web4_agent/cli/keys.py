"""`web4-agent keys`: API keys of those who ask from elsewhere. A key is shown once; its hash is kept."""

from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

app = typer.Typer(no_args_is_help=True, help="API keys of those who ask from elsewhere.")
NameArgument = Annotated[str, typer.Argument(help="Whose key it is; it stands in the query log.")]


@app.command("add")
def add(name: NameArgument, home: HomeOption = None) -> None:
    """Make a key and show it, this once."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.keys import give_key

    runtime = open_home(home)
    try:
        key = give_key(runtime.database, name, runtime.now())
    finally:
        runtime.close()
    typer.echo(key)
    console().print(f"the key of {name}; it is not kept and not shown again", markup=False, style="dim")


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Names, since when, and which are revoked."""
    from web4_agent.bootstrap import open_home
    from web4_agent.records import api_keys
    from web4_agent.storage.payload import to_json

    runtime = open_home(home)
    try:
        with runtime.database.read() as connection:
            found = api_keys.listed(connection)
    finally:
        runtime.close()
    if as_json:
        shown = [
            {"name": each.name, "created_utc": each.created_utc, "revoked_utc": each.revoked_utc} for each in found
        ]
        typer.echo(to_json(shown))
        return
    drawn = table("API keys", "name", "since", "revoked")
    for each in found:
        row(
            drawn, each.name, f"{each.created_utc:%Y-%m-%d}", f"{each.revoked_utc:%Y-%m-%d}" if each.revoked_utc else ""
        )
    console().print(drawn if found else "there is no key; web4-agent keys add NAME makes one")


@app.command("revoke")
def revoke(name: NameArgument, home: HomeOption = None) -> None:
    """Let a key open nothing any more, within seconds, also in a gateway that runs."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.keys import revoke_key

    runtime = open_home(home)
    try:
        revoke_key(runtime.database, name, runtime.now())
    finally:
        runtime.close()
    console().print(f"the key of {name} is revoked", markup=False, soft_wrap=True)
