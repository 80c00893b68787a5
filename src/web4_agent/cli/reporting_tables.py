"""What the report commands share: how figures are written, the table of targets, the word for an empty log."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from web4_agent.cli.screen import row, table

if TYPE_CHECKING:
    from web4_agent.flows.reporting import TargetCheck

NOTHING_YET = "no query was logged in the last {days} days; queries are logged by the gateway: web4-agent serve"
BAR_CHARS = 30


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value else "-"


def bar(share: float) -> str:
    return "█" * round(BAR_CHARS * share) or "▏"


def checks_table(checks: Sequence["TargetCheck"]) -> Table:
    made = table("Targets", "target", "aimed at", "measured", "95 % interval", "status")
    for one in checks:
        if one.target.unit == "ms":
            row(made, one.target.name, one.target.aim, milliseconds(one.measured), "", one.status)
        else:
            between = f"{100 * one.low:.1f} - {100 * one.high:.1f} %"
            row(made, one.target.name, one.target.aim, percent(one.measured), between, one.status)
    return made
