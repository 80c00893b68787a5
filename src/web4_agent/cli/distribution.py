"""`web4-agent distribution`: is the model answering from what it was trained on?"""

from dataclasses import asdict
from typing import TYPE_CHECKING

from web4_agent.cli.forms import ForceOption, FormOption, JsonAlias, OutOption, present, wanted
from web4_agent.cli.options import DaysOption, HomeOption
from web4_agent.cli.reporting_tables import NOTHING_YET, bar, checks_grid, milliseconds, percent
from web4_agent.domain.sheets import Sheet, grid, lines

if TYPE_CHECKING:
    from web4_agent.flows.reporting import Distribution


def command(
    home: HomeOption = None,
    days: DaysOption = 7,
    form: FormOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonAlias = False,
) -> None:
    """The share of each route, with its latencies, against the targets of training-first."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import distribution

    how = wanted(form, out, force=force, as_json=as_json)
    runtime = open_home(home, follow=False)
    try:
        found = distribution(runtime.reporting_parts(), days)
    finally:
        runtime.close()
    present(sheet(found, days), asdict(found), how, "distribution")


def sheet(found: "Distribution", days: int) -> Sheet:
    title = f"Routes from {found.start} to {found.end}"
    if not found.queries:
        return Sheet(title, (lines(NOTHING_YET.format(days=days)),))
    rows: list[tuple[object, ...]] = [
        (
            one.route,
            f"{one.figures.queries:,}",
            percent(one.share.value),
            bar(one.share.value),
            milliseconds(one.figures.latency_ms),
            milliseconds(one.figures.p95_ms),
            milliseconds(one.figures.retrieval_ms),
        )
        for one in found.routes
    ]
    columns = ("route", "queries", "share", "", "average", "p95", "retrieval")
    shown = grid(f"Routes of {found.queries:,} queries", columns, rows, tuple(name for name in columns[1:] if name))
    return Sheet(title, (shown, checks_grid(found.checks)))
