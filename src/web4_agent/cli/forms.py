"""The forms of a report: text for a screen, Markdown, one HTML page, JSON; to standard output or into a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from web4_agent.cli.screen import console
from web4_agent.domain.errors import UsageError
from web4_agent.domain.sheets import Form, Sheet

JSON_VERSION = 1
"""Raised when a key changes its meaning or goes; new keys may come without."""
FormOption = Annotated[
    Form | None, typer.Option("--format", help="How to show it; else text, or as the name of --out says.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="A file to write, whole or not at all.", show_default=False)
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file of --out when it is there.")]
JsonAlias = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
_SUFFIXES = {".md": Form.MARKDOWN, ".html": Form.HTML, ".htm": Form.HTML, ".json": Form.JSON}


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a report is to be shown, and where."""

    form: Form
    out: Path | None

    @property
    def on_screen(self) -> bool:
        return self.form is Form.TEXT and self.out is None


def wanted(form: Form | None, out: Path | None, *, force: bool, as_json: bool) -> Wanted:
    """Checked before anything is read or run. Raises UsageError."""
    if as_json and form not in {None, Form.JSON}:
        raise UsageError(f"--json and --format {form} exclude each other", "give one of them")
    if out is None and force:
        raise UsageError("--force goes with --out", "add --out FILE")
    place = out.expanduser().absolute() if out is not None else None
    if place is not None and place.is_dir():
        raise UsageError(f"{place} is a folder", f"name a file in it: --out {place / 'report.html'}")
    if place is not None and place.exists() and not force:
        raise UsageError(f"{place} is there already", "choose another file, or add --force")
    named = _SUFFIXES.get(place.suffix.lower(), Form.TEXT) if place is not None else Form.TEXT
    return Wanted(Form.JSON if as_json else form or named, place)


def present(sheet: Sheet, values: Mapping[str, object], how: Wanted, name: str) -> None:
    """Show the sheet, or `values` where JSON is wanted: the version and the report's `name` are added to them."""
    from web4_agent.steps.sheets.text import draw
    from web4_agent.storage.atomic import publish_text

    if how.on_screen:
        draw(sheet, console())
        return
    text = _rendered(sheet, values, how.form, name)
    if how.out is None:
        typer.echo(text, nl=False)
        return
    publish_text(text, how.out)
    typer.echo(f"written: {how.out}", err=True)


def _rendered(sheet: Sheet, values: Mapping[str, object], form: Form, name: str) -> str:
    from web4_agent.steps.sheets.html import as_html
    from web4_agent.steps.sheets.markdown import as_markdown
    from web4_agent.steps.sheets.text import as_text
    from web4_agent.storage.payload import to_json

    if form is Form.JSON:
        return to_json({"version": JSON_VERSION, "report": name, **values}) + "\n"
    if form is Form.MARKDOWN:
        return as_markdown(sheet)
    if form is Form.HTML:
        return as_html(sheet, datetime.now(UTC))
    return as_text(sheet)
