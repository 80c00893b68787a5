"""`web4-agent report`: the last days, figure by figure, and whether the targets are met."""

import typer

from web4_agent.cli.options import DaysOption, HomeOption, JsonOption
from web4_agent.cli.reporting_tables import NOTHING_YET, checks_table, milliseconds, percent
from web4_agent.cli.screen import console, row, table


def command(home: HomeOption = None, days: DaysOption = 7, as_json: JsonOption = False) -> None:
    """Queries, latencies, hit rates, errors and satisfaction a day (UTC), and the target check."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import report
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = report(runtime.reporting_parts(), days)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(found))
        return
    out = console()
    if not found.whole.queries:
        out.print(NOTHING_YET.format(days=days), markup=False, soft_wrap=True)
        return
    columns = ("day", "queries", "average", "p95", "first token", "retrieval", "found", "hot", "errors", "satisfied")
    shown = table(f"Queries of {days} days", *columns)
    for name, figures in [*((f"{one.day}", one.figures) for one in found.days), ("all", found.whole)]:
        row(
            shown,
            name,
            f"{figures.queries:,}",
            milliseconds(figures.latency_ms),
            milliseconds(figures.p95_ms),
            milliseconds(figures.first_token_ms),
            milliseconds(figures.retrieval_ms),
            percent(figures.retrieval_hit_rate),
            percent(figures.hot_hit_rate),
            percent(figures.error_rate) if figures.queries else "-",
            percent(figures.satisfaction),
        )
    out.print(shown)
    out.print(checks_table(found.checks))
