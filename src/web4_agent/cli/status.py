"""`web4-agent status`: how things stand."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from web4_agent.cli.options import HomeOption, JsonOption
from web4_agent.cli.screen import console, row, table

if TYPE_CHECKING:
    from web4_agent.domain.maintenance import Due


def command(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What serves, what waits to be trained, and how the last nights ended."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.standing import maintenance, standing
    from web4_agent.storage.payload import to_json

    runtime = open_home(home, follow=False)
    try:
        found, now = standing(runtime.database), runtime.now()
        upkeep = maintenance(runtime.database, now)
    finally:
        runtime.close()
    if as_json:
        typer.echo(to_json({**asdict(found), "maintenance": [asdict(one) for one in upkeep]}))
        return
    out = console()
    pointer = found.pointer
    out.print(f"home: {runtime.home.root}", markup=False, soft_wrap=True)
    out.print(
        f"production: {pointer.production} since {pointer.changed_utc:%Y-%m-%d %H:%M} UTC, golden: {pointer.golden}, "
        f"before: {pointer.previous or 'none'}",
        markup=False,
    )
    states = table("Documents", "state", "count")
    for state, count in sorted(found.documents.items()):
        row(states, state, count)
    row(states, "rejected files", found.rejected)
    out.print(states)
    out.print(
        f"links: {found.links_resolved} of {found.links} resolved; timeline: {found.timeline} entries", markup=False
    )
    if found.open_night:
        out.print(f"open: {found.open_night.id}; go on with: web4-agent evening", markup=False, soft_wrap=True)
    nights = table("Last nights", "run", "ended as", "started, UTC")
    for run in found.nights:
        row(nights, run.id, run.state, f"{run.started_utc:%Y-%m-%d %H:%M}")
    if found.nights:
        out.print(nights)
    for line in overdue(upkeep, now):
        out.print(line, markup=False, soft_wrap=True)


def overdue(dues: "Sequence[Due]", now: datetime) -> list[str]:
    """A line for each rhythm of maintenance that is overdue, and for tasks that were left out too long."""
    told = []
    for one in dues:
        if one.overdue(now):
            last = f"last done {one.last_utc:%Y-%m-%d}" if one.last_utc else "never done yet"
            told.append(f"overdue: {one.rhythm} maintenance, {last}: web4-agent {one.rhythm}")
        elif one.behind:
            told.append(f"left out too long: {', '.join(one.behind)}: web4-agent {one.rhythm}")
    return told
