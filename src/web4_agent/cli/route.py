"""`web4-agent route`: how a query would be routed, and why."""

from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table
from web4_agent.domain.errors import UsageError


def command(
    query: Annotated[str, typer.Argument(help="The last message of a user, as it would be sent.")],
    home: HomeOption = None,
    wish: Annotated[str, typer.Option(help="What the request says of retrieval: auto, force or never.")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Show where a query would go: the route, where the journal would be looked into, and the words that decided."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.routing import known
    from web4_agent.steps.route import Wish, route
    from web4_agent.storage.payload import to_json

    if wish not in set(Wish):
        raise UsageError(f"--wish {wish!r} is none of {', '.join(Wish)}", "web4-agent route --wish force '…'")
    runtime = open_home(home, follow=False)
    try:
        journal = known(runtime.database, runtime.now().date())
    finally:
        runtime.close()
    decision = route(query, journal, wish=Wish(wish))
    if as_json:
        typer.echo(to_json(decision))
        return
    out = console()
    shown = table("Route", "", "")
    row(shown, "route", decision.route)
    row(shown, "reason", decision.reason)
    for name, value in (
        ("looks into", ", ".join(decision.tiers)),
        ("from", decision.start),
        ("to", decision.end),
        ("agent", decision.agent),
        ("document", decision.anchor),
    ):
        if value:
            row(shown, name, value)
    out.print(shown)
