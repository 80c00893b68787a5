"""`web4-agent feedback`: a thumb on a response."""

from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console

CLIENT = "cli"


def command(
    response: Annotated[str, typer.Argument(metavar="RESPONSE_ID", help="The id that came with the answer.")],
    thumb: Annotated[str, typer.Argument(metavar="up|down", help="What you think of it.")],
    home: HomeOption = None,
    comment: Annotated[str, typer.Option(help="Why; at most 2,000 characters.")] = "",
    client: Annotated[str, typer.Option(help="Who says so; a later word of the same client replaces it.")] = CLIENT,
    as_json: JsonOption = False,
) -> None:
    """Say what you think of a response; a later word replaces an earlier one."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.feedback import give
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        given = give(runtime.feedback_parts(), response, thumb, comment, client)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(given))
    else:
        console().print(f"kept: thumb {given.thumb} on {given.response}", markup=False, soft_wrap=True)
