"""One sheet in its forms: the same words in each, and none of them taken for markup."""

import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from web4_agent.domain.sheets import Cell, Sheet, Steps, Tone, grid, lines
from web4_agent.steps.sheets.html import as_html
from web4_agent.steps.sheets.markdown import as_markdown
from web4_agent.steps.sheets.text import as_text, draw

NASTY = "<script>alert(1)</script> | [bold]x[/bold] *y* `z`"
SHEET = Sheet(
    "Queries of the week",
    (
        grid("Days", ("day", "queries"), [("Monday", 12), (Cell("Tuesday", Tone.BAD), NASTY)], ("queries",)),
        lines("all is well", "", NASTY),
        Steps("Left for you", (("look at it", "web4-agent report --days 7"), ("think", ""))),
    ),
)
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
FORMS = {"markdown": as_markdown, "html": lambda sheet: as_html(sheet, NOW), "text": as_text}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form: str) -> None:
    said = FORMS[form](SHEET)
    for words in (
        "Queries of the week",
        "Monday",
        "12",
        "Tuesday",
        "all is well",
        "web4-agent report --days 7",
        "think",
    ):
        assert words in said, words


def test_the_page_is_one_file_without_scripts_and_every_text_is_escaped() -> None:
    page = as_html(SHEET, NOW)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert not re.search(r"(src=|href=|@import|url\()", page)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert '<td class="figure">12</td>' in page
    assert '<span class="bad">Tuesday</span>' in page


def test_markdown_takes_nothing_for_its_own() -> None:
    said = as_markdown(SHEET)
    row = next(line for line in said.splitlines() if "Tuesday" in line)
    assert row == r"| **Tuesday** | \<script\>alert(1)\</script\> \| \[bold\]x\[/bold\] \*y\* \`z\` |"
    assert "| --- | ---: |" in said
    assert "1. look at it: `web4-agent report --days 7`" in said


def test_a_terminal_shows_markup_as_it_was_written() -> None:
    out = Console(file=StringIO(), width=200, force_terminal=True, color_system="standard")
    draw(SHEET, out)
    assert isinstance(out.file, StringIO)
    assert "[bold]x[/bold]" in out.file.getvalue()
    assert "\x1b[1;31mTuesday" in out.file.getvalue()
    assert "Queries of the week" not in out.file.getvalue()


def test_plain_text_has_no_colours_and_no_trailing_blanks() -> None:
    said = as_text(SHEET)
    assert "\x1b" not in said
    assert not [line for line in said.splitlines() if line != line.rstrip()]
