"""What the pages are written with: a head that says where they come from, and tables."""

from collections.abc import Iterable, Sequence

MADE = "<!-- Made by `make docs` from the code; a change made here by hand is lost, and fails the tests. -->"


def page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *(part.strip("\n") for part in parts if part))) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Empty where there is no row; a column that is empty in every row is left out."""
    filled = [[_cell(cell) for cell in row] for row in rows]
    kept = [place for place in range(len(head)) if any(row[place] for row in filled)]
    if not kept:
        return ""
    head = [head[place] for place in kept]
    lines = [[row[place] for place in kept] for row in filled]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in ([*map(str, head)], ["---"] * len(head), *lines))


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
