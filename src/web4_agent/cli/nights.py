"""`web4-agent nights`: a row a night, what it learned, and what the gate said."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.forms import ForceOption, FormOption, JsonAlias, OutOption, present, wanted
from web4_agent.cli.options import HomeOption
from web4_agent.domain.sheets import Block, Cell, Sheet, Tone, grid, lines

if TYPE_CHECKING:
    from web4_agent.flows.reporting import NightRow, Nights

_COLUMNS = ("night", "verdict", "documents", "samples", "gain", "canaries", "time", "tokens", "adapter")
_GAIN = "gain: bits a byte less on held-out text of the night's own documents; canaries: passed before → after"
_TONES = {"promoted": Tone.GOOD, "rejected": Tone.DOUBTFUL, "failed": Tone.BAD, "open": Tone.DOUBTFUL}


def command(
    home: HomeOption = None,
    days: Annotated[int | None, typer.Option("--days", min=1, max=3650, help="Of the last days; else all.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many on a page.")] = 20,
    page: Annotated[int, typer.Option("--page", min=1, help="Which page, the newest nights on the first.")] = 1,
    form: FormOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    as_json: JsonAlias = False,
) -> None:
    """The nights, newest first: documents, samples, gain on held-out text, canaries, verdict, time, tokens, adapter."""
    from web4_agent.bootstrap import open_home
    from web4_agent.flows.reporting import nights

    how = wanted(form, out, force=force, as_json=as_json)
    runtime = open_home(home, follow=False)
    try:
        found = nights(runtime.reporting_parts(), days=days, limit=limit, page=page)
    finally:
        runtime.close()
    chosen = "".join(f" {name} {value}" for name, value in (("--days", days), ("--limit", limit)) if value)
    present(sheet(found, f"web4-agent nights{chosen} --page {page + 1}"), asdict(found), how, "nights")


def sheet(found: "Nights", following: str) -> Sheet:
    """`following` is the command for the next page."""
    if not found.nights:
        return Sheet("Nights", (lines("no night ran yet; run one with: web4-agent evening"),))
    rows: list[tuple[object, ...]] = [_row(one) for one in found.nights]
    shown = grid(f"Nights, {len(found.nights)} of {found.total:,}", _COLUMNS, rows, _COLUMNS[2:8])
    reasons = lines(_GAIN, *(f"{_name(one)}: {reason}" for one in found.nights for reason in _reasons(one)))
    more = f"page {found.page} of {found.pages}; the next: {following}"
    blocks: tuple[Block, ...] = (shown, reasons)
    return Sheet("Nights", (*blocks, *([lines(more)] if found.page < found.pages else [])))


def _row(one: "NightRow") -> tuple[object, ...]:
    gain, canaries = one.gain, one.canaries
    return (
        _name(one),
        Cell(_ended(one), _TONES.get(one.state, Tone.PLAIN)),
        one.documents,
        f"{sum(one.samples.values()):,}",
        f"{gain.gained:+.3f}" if gain else "-",
        f"{canaries.before} → {canaries.after} of {canaries.asked}" if canaries else "-",
        duration(one.seconds),
        f"{one.tokens:,}",
        one.adapter or "-",
    )


def _name(one: "NightRow") -> str:
    """The day, and which night of that day it was."""
    return one.run.removeprefix("night-")


def _ended(one: "NightRow") -> str:
    """How it ended; where it was judged, at which scale, and whether the measurement was void."""
    if one.verdict is None:
        return str(one.state)
    void = ", void" if one.verdict.decision == "void" else ""
    return f"{one.state} at {one.verdict.scale:g}{void}"


def _reasons(one: "NightRow") -> tuple[str, ...]:
    verdict = one.verdict
    if verdict is not None and not verdict.reasons:
        return (f"all {verdict.rules} rules passed at scale {verdict.scale:g}",)
    return verdict.reasons if verdict is not None else (one.sentence,) if one.sentence else ()


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
