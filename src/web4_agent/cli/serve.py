"""`web4-agent serve`: the gateway, until it is stopped."""

from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption
from web4_agent.cli.screen import console


def command(
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; else gateway.host.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port; else gateway.port; 0: a free one.")] = None,
) -> None:
    """Answer people's programs: OpenAI's and Ollama's protocols, with routing, retrieval and the query log."""
    from web4_agent.bootstrap import open_home
    from web4_agent.gateway.serve import Listening, serve

    runtime = open_home(home)
    chosen = runtime.settings.gateway
    out = console()

    def ready(address: str) -> None:
        out.print(
            f"{chosen.model} answers at {address}/v1 (OpenAI) and {address} (Ollama)", markup=False, soft_wrap=True
        )
        out.print(f"dashboard: {address}/dashboard/", markup=False, soft_wrap=True)
        out.print(f"try: curl {address}/readyz; stop: Ctrl-C", markup=False, soft_wrap=True)

    out.print("starting the engine …", markup=False, soft_wrap=True)
    try:
        with runtime.log_lines():
            serve(runtime, Listening(host or chosen.host, chosen.port if port is None else port), ready)
    finally:
        runtime.close()
