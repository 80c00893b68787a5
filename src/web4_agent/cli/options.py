"""Options that several commands share."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from web4_agent.domain.errors import UsageError

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="The home; else WEB4_HOME, else ~/.web4-agent.", show_default=False)
]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=3650, help="How many days, today included.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]


def day(text: str | None, option: str) -> date | None:
    """A date as YYYY-MM-DD or `today` (UTC, as the file names are). Raises UsageError naming the option."""
    if text is None:
        return None
    if text == "today":
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is no date", f"write {option} 2026-03-02") from error
