"""`web4-agent metrics`: what Prometheus and Grafana are given."""

from typing import Annotated

import typer

from web4_agent.cli.options import HomeOption

app = typer.Typer(
    help="For Prometheus and Grafana: the dashboard, the alert rules, and how the gateway is scraped.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def dashboard() -> None:
    """Print the Grafana dashboard, to import."""
    from web4_agent.steps.observability_files import dashboard as text

    typer.echo(text(), nl=False)


@app.command()
def rules() -> None:
    """Print the alert rules for Prometheus."""
    from web4_agent.steps.observability_files import rules as text

    typer.echo(text(), nl=False)


@app.command()
def scrape(
    home: HomeOption = None,
    target: Annotated[str, typer.Option(help="HOST:PORT of the gateway; else those of the settings.")] = "",
) -> None:
    """Print the part of prometheus.yaml that scrapes this gateway."""
    from web4_agent.bootstrap import open_home
    from web4_agent.steps.observability_files import scrape as text

    if not target:
        runtime = open_home(home, follow=False)
        chosen = runtime.settings.gateway
        runtime.close()
        target = f"{chosen.host}:{chosen.port}"
    typer.echo(text(target), nl=False)
