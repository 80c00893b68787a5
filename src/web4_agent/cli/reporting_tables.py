"""What the report commands share: how figures are written, the table of targets, the word for an empty log."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from web4_agent.domain.sheets import Cell, Grid, Tone, grid

if TYPE_CHECKING:
    from web4_agent.flows.reporting import TargetCheck

NOTHING_YET = "no query was logged in the last {days} days; queries are logged by the gateway: web4-agent serve"
BAR_CHARS = 30
_TONES = {"ok": Tone.GOOD, "warn": Tone.DOUBTFUL, "alarm": Tone.BAD}


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value else "-"


def score(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def bar(share: float) -> str:
    return "█" * round(BAR_CHARS * share) or "▏"


def checks_grid(checks: Sequence["TargetCheck"]) -> Grid:
    rows: list[tuple[object, ...]] = []
    for one in checks:
        status = Cell(one.status, _TONES.get(one.status, Tone.PLAIN))
        if one.target.unit == "ms":
            rows.append((one.target.name, one.target.aim, milliseconds(one.measured), "", status))
        else:
            between = f"{100 * one.low:.1f} - {100 * one.high:.1f} %"
            rows.append((one.target.name, one.target.aim, percent(one.measured), between, status))
    columns = ("target", "aimed at", "measured", "95 % interval", "status")
    return grid("Targets", columns, rows, ("measured", "95 % interval"))
