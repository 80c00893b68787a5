"""`web4-agent satisfaction`: what people thought of the answers, and whether that changes."""

import typer

from web4_agent.cli.options import DaysOption, HomeOption, JsonOption
from web4_agent.cli.reporting_tables import percent
from web4_agent.cli.screen import console, row, table


def command(home: HomeOption = None, days: DaysOption = 7, as_json: JsonOption = False) -> None:
    """Share of thumbs up over the last days, its trend against as many days before, by route and by adapter."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import satisfaction
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found = satisfaction(runtime.reporting_parts(), days)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json(found))
        return
    out = console()
    if not found.now.whole:
        out.print(
            f"nobody gave a thumb in the last {days} days; give one with: web4-agent feedback RESPONSE_ID up",
            markup=False,
        )
        return
    now, before = found.now, found.before
    out.print(
        f"satisfied: {percent(now.value)} ({now.part:,} of {now.whole:,} thumbs; 95 % interval "
        f"{percent(now.low)} to {percent(now.high)}), a thumb on {percent(found.thumbs_per_query)} of queries",
        markup=False,
    )
    if found.change is None:
        out.print(f"trend: {found.trend}", markup=False, soft_wrap=True)
    else:
        moved = found.change
        out.print(
            f"trend: {found.trend}: {100 * moved.value:+.1f} points against the {days} days before "
            f"({before.part:,} of {before.whole:,}; 95 % interval {100 * moved.low:+.1f} to {100 * moved.high:+.1f})",
            markup=False,
        )
    for title, liked in (("By route", found.routes), ("By adapter", found.adapters)):
        shown = table(title, "", "satisfied", "thumbs", "95 % interval")
        for one in liked:
            between = f"{100 * one.share.low:.1f} - {100 * one.share.high:.1f} %"
            row(shown, one.name, percent(one.share.value), f"{one.share.whole:,}", between)
        out.print(shown)
