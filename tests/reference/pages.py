"""The reference pages, made from what they describe: commands, settings, endpoints, metrics, tables.

`python -m tests.reference` writes them, a test holds them against what they would be now. Each page is a function from
nothing to text, so that a page is as true as the code.
"""

from collections.abc import Callable
from pathlib import Path

from tests.reference import cli_page, database_page, http_page, metrics_page, settings_page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page.text,
    "settings.md": settings_page.text,
    "http.md": http_page.text,
    "metrics.md": metrics_page.text,
    "database.md": database_page.text,
}


def write() -> list[Path]:
    """Write every page whose text has changed; returns those."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed
