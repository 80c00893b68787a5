"""`web4-agent hot`: the documents that are used most."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from web4_agent.cli.forms import ForceOption, FormOption, JsonAlias, OutOption, present, wanted
from web4_agent.cli.options import DaysOption, HomeOption
from web4_agent.cli.reporting_tables import percent
from web4_agent.domain.sheets import Sheet, grid, lines

if TYPE_CHECKING:
    from web4_agent.flows.reporting import Hot


def command(
    home: HomeOption = None,
    days: DaysOption = 7,
    form: FormOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonAlias = False,
) -> None:
    """Documents by how many queries they were shown to, and how often the cache had what was looked for."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import hot

    how = wanted(form, out, force=force, as_json=as_json)
    runtime = open_home(home, follow=False)
    try:
        found = hot(runtime.reporting_parts(), days)
    finally:
        runtime.close()
    present(sheet(found, days), asdict(found), how, "hot")


def sheet(found: "Hot", days: int) -> Sheet:
    title = f"Documents used from {found.start} to {found.end}"
    if not found.documents:
        return Sheet(title, (lines(f"no document was put before the model in the last {days} days"),))
    columns = ("", "document", "title", "queries", "days", "last use, UTC")
    rows: list[tuple[object, ...]] = [
        (one.rank, one.document, one.title, f"{one.uses:,}", one.days, f"{one.last_utc:%Y-%m-%d %H:%M}")
        for one in found.documents
    ]
    looked = found.hot_hits + found.hot_misses
    cache = lines(f"hot cache: {percent(found.hot_hit_rate)} of {looked:,} look-ups were answered by it")
    return Sheet(title, (grid("Most used documents", columns, rows, ("queries", "days")), cache))
