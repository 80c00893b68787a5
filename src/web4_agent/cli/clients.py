"""`web4-agent clients`: how an editor or a chat page is told of the gateway."""

from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption


def command(
    name: Annotated[str, typer.Argument(help="continue, open-webui or vscode.")],
    home: HomeOption = None,
    address: Annotated[str, typer.Option(help="Where the gateway answers; else host and port of the settings.")] = "",
) -> None:
    """Print a program's configuration for this gateway."""
    from web4_agent.bootstrap import open_home
    from web4_agent.steps.client_files import client_file

    if not address:
        runtime = open_home(home, follow=False)
        chosen = runtime.settings.gateway
        runtime.close()
        address = f"http://{chosen.host}:{chosen.port}"
    typer.echo(client_file(name, address), nl=False)
