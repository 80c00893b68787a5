"""A sheet as one HTML page that needs nothing else: its own style, light and dark, no script, every text escaped."""

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, StrictUndefined, select_autoescape

from web4_agent.domain.sheets import Grid, Lines, Sheet, Steps

TEMPLATE = Path(__file__).parents[2] / "data" / "sheet.html.j2"


def as_html(sheet: Sheet, made_utc: datetime) -> str:
    environment = Environment(
        autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    blocks = [(_kind(block), block) for block in sheet.blocks]
    return template.render(sheet=sheet, blocks=blocks, made=f"{made_utc:%Y-%m-%d %H:%M} UTC")


def _kind(block: Grid | Lines | Steps) -> str:
    return {Grid: "grid", Lines: "lines", Steps: "steps"}[type(block)]
