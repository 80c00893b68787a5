"""`web4-agent report`: the last days, figure by figure, and whether the targets are met."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from web4_agent.cli.forms import ForceOption, FormOption, JsonAlias, OutOption, present, wanted
from web4_agent.cli.options import DaysOption, HomeOption
from web4_agent.cli.reporting_tables import NOTHING_YET, checks_grid, milliseconds, percent, score
from web4_agent.domain.sheets import Sheet, grid, lines

if TYPE_CHECKING:
    from web4_agent.flows.reporting import Report

_COLUMNS = (
    "day", "queries", "average", "p95", "first token", "retrieval", "found", "hot", "errors", "satisfied", "quality",
)  # fmt: skip


def command(
    home: HomeOption = None,
    days: DaysOption = 7,
    form: FormOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonAlias = False,
) -> None:
    """Queries, latencies, hit rates, errors, satisfaction and quality a day (UTC), and the target check."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import report

    how = wanted(form, out, force=force, as_json=as_json)
    runtime = open_home(home, follow=False)
    try:
        found = report(runtime.reporting_parts(), days)
    finally:
        runtime.close()
    present(sheet(found), asdict(found), how, "report")


def sheet(found: "Report") -> Sheet:
    title, days = f"Queries from {found.start} to {found.end}", len(found.days)
    if not found.whole.queries:
        return Sheet(title, (lines(NOTHING_YET.format(days=days)),))
    rows: list[tuple[object, ...]] = [
        (
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
            score(figures.quality_score),
        )
        for name, figures in [*((f"{one.day}", one.figures) for one in found.days), ("all", found.whole)]
    ]
    shown = grid(f"Queries of {days} days", _COLUMNS, rows, _COLUMNS[1:])
    return Sheet(title, (shown, checks_grid(found.checks)))
