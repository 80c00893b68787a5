"""`web4-agent hot`: the documents that are used most."""

import typer

from web4_agent.cli.options import DaysOption, HomeOption, JsonOption
from web4_agent.cli.reporting_tables import percent
from web4_agent.cli.screen import console, row, table


def command(home: HomeOption = None, days: DaysOption = 7, as_json: JsonOption = False) -> None:
    """Documents by how many queries they were shown to, and how often the cache had what was looked for."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import hot
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = hot(runtime.reporting_parts(), days)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(found))
        return
    out = console()
    if not found.documents:
        out.print(f"no document was put before the model in the last {days} days", markup=False, soft_wrap=True)
        return
    shown = table("Most used documents", "", "document", "title", "queries", "days", "last use, UTC")
    for one in found.documents:
        last = f"{one.last_utc:%Y-%m-%d %H:%M}"
        row(shown, one.rank, one.document, one.title, f"{one.uses:,}", one.days, last)
    out.print(shown)
    looked = found.hot_hits + found.hot_misses
    out.print(
        f"hot cache: {percent(found.hot_hit_rate)} of {looked:,} look-ups were answered by it",
        markup=False,
        soft_wrap=True,
    )
