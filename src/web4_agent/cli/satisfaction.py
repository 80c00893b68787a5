"""`web4-agent satisfaction`: what people thought of the answers, and whether that changes."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from web4_agent.cli.forms import ForceOption, FormOption, JsonAlias, OutOption, present, wanted
from web4_agent.cli.options import DaysOption, HomeOption
from web4_agent.cli.reporting_tables import percent
from web4_agent.domain.sheets import Grid, Sheet, grid, lines

if TYPE_CHECKING:
    from web4_agent.flows.reporting import Satisfaction
    from web4_agent.flows.reporting.reports import Liked


def command(
    home: HomeOption = None,
    days: DaysOption = 7,
    form: FormOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonAlias = False,
) -> None:
    """Share of thumbs up over the last days, its trend against as many days before, by route and by adapter."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import satisfaction

    how = wanted(form, out, force=force, as_json=as_json)
    runtime = open_home(home, follow=False)
    try:
        found = satisfaction(runtime.reporting_parts(), days)
    finally:
        runtime.close()
    present(sheet(found, days), asdict(found), how, "satisfaction")


def sheet(found: "Satisfaction", days: int) -> Sheet:
    title = f"Satisfaction from {found.start} to {found.end}"
    if not found.now.whole:
        nobody = f"nobody gave a thumb in the last {days} days; give one with: web4-agent feedback RESPONSE_ID up"
        return Sheet(title, (lines(nobody),))
    told = lines(satisfied(found), f"trend: {trend(found, days)}")
    return Sheet(title, (told, _liked("By route", found.routes), _liked("By adapter", found.adapters)))


def satisfied(found: "Satisfaction") -> str:
    now = found.now
    return (
        f"satisfied: {percent(now.value)} ({now.part:,} of {now.whole:,} thumbs; 95 % interval "
        f"{percent(now.low)} to {percent(now.high)}), a thumb on {percent(found.thumbs_per_query)} of queries"
    )


def trend(found: "Satisfaction", days: int) -> str:
    moved, before = found.change, found.before
    if moved is None:
        return found.trend
    return (
        f"{found.trend}: {100 * moved.value:+.1f} points against the {days} days before "
        f"({before.part:,} of {before.whole:,}; 95 % interval {100 * moved.low:+.1f} to {100 * moved.high:+.1f})"
    )


def _liked(title: str, liked: "Sequence[Liked]") -> Grid:
    columns = ("", "satisfied", "thumbs", "95 % interval")
    rows: list[tuple[object, ...]] = [
        (
            one.name,
            percent(one.share.value),
            f"{one.share.whole:,}",
            f"{100 * one.share.low:.1f} - {100 * one.share.high:.1f} %",
        )
        for one in liked
    ]
    return grid(title, columns, rows, columns[1:])
