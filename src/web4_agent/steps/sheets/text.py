"""A sheet for a terminal, or as plain text of a fixed width for a file."""

from io import StringIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from web4_agent.domain.sheets import Block, Cell, Grid, Lines, Sheet, Tone

FILE_WIDTH = 120
_STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.DOUBTFUL: "yellow", Tone.BAD: "bold red"}


def draw(sheet: Sheet, on: Console) -> None:
    """The blocks, one below the other; the title is what was typed, and is left out."""
    for block in sheet.blocks:
        _draw(block, on)


def as_text(sheet: Sheet) -> str:
    """As drawn, without colours, with its title."""
    out = Console(file=StringIO(), width=FILE_WIDTH, highlight=False, color_system=None)
    out.print(sheet.title, markup=False, soft_wrap=True)
    draw(sheet, out)
    assert isinstance(out.file, StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines()) + "\n"


def _draw(block: Block, on: Console) -> None:
    if isinstance(block, Grid):
        on.print(_table(block))
    elif isinstance(block, Lines):
        for line in block.lines:
            on.print(line, markup=False, soft_wrap=True)
    else:
        on.print(f"[bold]{escape(block.title)}[/bold]")
        for at, (what, command) in enumerate(block.steps, start=1):
            on.print(f"{at}. {what}", markup=False, soft_wrap=True)
            if command:
                on.print(f"   {command}", markup=False, soft_wrap=True)


def _table(block: Grid) -> Table:
    made = Table(title=escape(block.title), title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    for name in block.columns:
        made.add_column(escape(name), overflow="fold", justify="right" if name in block.figures else "left")
    for row in block.rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def _cell(cell: Cell) -> str:
    text, style = escape(cell.text), _STYLES[cell.tone]
    return f"[{style}]{text}[/{style}]" if style else text
