"""A sheet as GitHub's Markdown: tables with pipes, commands as code."""

import re

from web4_agent.domain.sheets import Block, Grid, Lines, Sheet, Tone

_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#|~])")
"""What Markdown would read as its own."""


def as_markdown(sheet: Sheet) -> str:
    parts = [f"# {_plain(sheet.title)}", *("\n".join(_block(block)) for block in sheet.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> list[str]:
    if isinstance(block, Grid):
        return _grid(block)
    if isinstance(block, Lines):
        return [f"- {_plain(line)}" for line in block.lines]
    steps = [f"{at}. {_plain(what)}{_command(command)}" for at, (what, command) in enumerate(block.steps, start=1)]
    return [f"## {_plain(block.title)}", "", *steps]


def _grid(block: Grid) -> list[str]:
    marks = ["---:" if name in block.figures else "---" for name in block.columns]
    rows = [[_bold(cell.text) if cell.tone is Tone.BAD else _plain(cell.text) for cell in row] for row in block.rows]
    table = [[_plain(name) for name in block.columns], marks, *rows]
    return [f"## {_plain(block.title)}", "", *(f"| {' | '.join(row)} |" for row in table)]


def _bold(text: str) -> str:
    return f"**{_plain(text)}**" if text.strip() else ""


def _command(command: str) -> str:
    """In a fence that no backtick of the command can close."""
    fence = "``" if "`" in command else "`"
    return f": {fence}{command}{fence}" if command else ""


def _plain(text: str) -> str:
    """One line, with nothing in it that would be taken for markup."""
    return _ACTIVE.sub(r"\\\1", " ".join(text.split()))
