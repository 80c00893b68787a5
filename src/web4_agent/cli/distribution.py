"""`web4-agent distribution`: is the model answering from what it was trained on?"""

import typer

from web4_agent.cli.options import DaysOption, HomeOption, JsonOption
from web4_agent.cli.reporting_tables import NOTHING_YET, bar, checks_table, milliseconds, percent
from web4_agent.cli.screen import console, row, table


def command(home: HomeOption = None, days: DaysOption = 7, as_json: JsonOption = False) -> None:
    """The share of each route, with its latencies, against the targets of training-first."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import distribution
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = distribution(runtime.reporting_parts(), days)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(found))
        return
    out = console()
    if not found.queries:
        out.print(NOTHING_YET.format(days=days), markup=False, soft_wrap=True)
        return
    shown = table(
        f"Routes of {found.queries:,} queries", "route", "queries", "share", "", "average", "p95", "retrieval"
    )
    for one in found.routes:
        row(
            shown,
            one.route,
            f"{one.figures.queries:,}",
            percent(one.share.value),
            bar(one.share.value),
            milliseconds(one.figures.latency_ms),
            milliseconds(one.figures.p95_ms),
            milliseconds(one.figures.retrieval_ms),
        )
    out.print(shown)
    out.print(checks_table(found.checks))
