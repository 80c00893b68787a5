"""The picture of a backtest: what each recipe gained on each day after each night, and what it kept over the nights.

Called by the backtest's report. Knows nothing of recipes or nights but their names and numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

COLOURS = ("#0b6e99", "#c2570c", "#3f7d20", "#7a4fa3", "#a8324a", "#5b6770", "#b58900", "#2a9d8f")
"""Told apart in grey and by people who see colours differently; lines have marks of their own besides."""
MARKS = "os^Dv<>p"


@dataclass(frozen=True, slots=True)
class Curves:
    """`gains[recipe][night][day]` in bits per byte against the base; `recall`, `general` and `lowest` by recipe and
    night: the last is the stratum of the gate's margins that lost most against the base, in τ."""

    days: tuple[str, ...]
    names: tuple[str, ...]
    gains: tuple[tuple[tuple[float, ...], ...], ...]
    recall: tuple[tuple[float, ...], ...]
    general: tuple[tuple[float, ...], ...]
    lowest: tuple[tuple[float, ...], ...]
    joint_gain: float | None
    joint_recall: float | None
    base_recall: float


def draw_png(curves: Curves, out: Path) -> None:
    """Matrices side by side above, four curves over the nights below."""
    from matplotlib.figure import Figure

    count = len(curves.names)
    figure = Figure(figsize=(max(13.0, 3.6 * count), 8.4), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.15, 1.0))[:, 0]
    _matrices(above, curves)
    gain, recall, general, lowest = below.subplots(1, 4)
    mean = [[sum(row) / len(row) for row in one] for one in curves.gains]
    _lines(gain, curves, mean, "gain on all days, bits per byte")
    _level(gain, curves.joint_gain, "joint")
    _lines(recall, curves, curves.recall, "questions answered rightly")
    _level(recall, curves.joint_recall, "joint")
    _level(recall, curves.base_recall, "base")
    _lines(general, curves, curves.general, "general text, bits per byte over base")
    _level(general, 1.0, "base")
    _lines(lowest, curves, curves.lowest, "lowest skill against base, τ")
    _level(lowest, 0.0, "base")
    gain.legend(fontsize=8, frameon=False)
    figure.savefig(out, dpi=110, format="png")


def _matrices(above: "SubFigure", curves: Curves) -> None:
    axes = above.subplots(1, len(curves.names), squeeze=False)[0]
    flat = [value for one in curves.gains for row in one for value in row]
    low, high = min(0.0, *flat), max(0.0, *flat)
    for place, name, gains in zip(axes, curves.names, curves.gains, strict=True):
        image = place.imshow(gains, vmin=low, vmax=high, cmap="viridis", aspect="auto")
        place.set_title(f"{name}: gain, bits per byte", fontsize=10)
        place.set_xlabel("scored on day", fontsize=8)
        place.set_ylabel("after night", fontsize=8)
        for set_ticks in (place.set_xticks, place.set_yticks):
            set_ticks(range(len(curves.days)), curves.days, fontsize=6)
        place.tick_params(axis="x", rotation=90)
    above.colorbar(image, ax=list(axes), shrink=0.8)


def _lines(place: "Axes", curves: Curves, values: Sequence[Sequence[float]], title: str) -> None:
    for at, (name, one) in enumerate(zip(curves.names, values, strict=True)):
        place.plot(
            range(len(one)), one, marker=MARKS[at % len(MARKS)], ms=4, color=COLOURS[at % len(COLOURS)], label=name
        )
    place.set_title(title, fontsize=10)
    place.set_xticks(range(len(curves.days)), curves.days, rotation=90, fontsize=6)
    place.grid(alpha=0.25)


def _level(place: "Axes", value: float | None, name: str) -> None:
    if value is not None:
        place.axhline(value, color="#5b6770", linestyle="--", linewidth=1)
        place.annotate(name, (0, value), fontsize=7, color="#5b6770", va="bottom")
