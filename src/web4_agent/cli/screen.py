"""What all commands draw with: a console, tables, and progress with the time left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

NARROWEST = 80


def console() -> Console:
    """Standard output; plain and unwrapped where it is no terminal, so that it can be piped."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=max(NARROWEST, 120))


def table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    return made


def row(into: Table, *cells: object) -> None:
    """Add a row of plain text: nothing in it is taken for markup."""
    into.add_row(*(escape(str(cell)) for cell in cells))


class ProgressWatcher:
    """Draws each step as a line: a bar, how far, how long, and how long still. Implements domain.progress.Watcher.

    Where output is no terminal, a step's begin and end are printed and a line now and then between them.
    """

    def __init__(self, progress: Progress, on: Console) -> None:
        self._progress = progress
        self._console = on
        self._tasks: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}

    def started(self, step: str) -> None:
        if self._console.is_terminal:
            self._tasks[step] = self._progress.add_task(step, total=None, note="")
        else:
            self._console.print(f"{step} …")

    def advanced(self, step: str, done: int, total: int, left_s: float | None = None, note: str = "") -> None:
        left = "" if left_s is None else f"{_clock(left_s)} left"
        words = ", ".join(word for word in (left, note) if word)
        if self._console.is_terminal:
            if step not in self._tasks:
                self.started(step)
            self._progress.update(self._tasks[step], completed=done, total=total or None, note=escape(words))
        elif total and (tenth := 10 * done // total) > self._tenths.get(step, 0) and 0 < tenth < 10:
            self._tenths[step] = tenth
            self._console.print(f"  {step}: {done} of {total}{', ' if words else ''}{escape(words)}")

    def finished(self, step: str, seconds: float) -> None:
        if self._console.is_terminal and step in self._tasks:
            task = self._tasks[step]
            total = self._progress.tasks[self._progress.task_ids.index(task)].total or 1
            self._progress.update(task, completed=total, total=total, note="done")
        elif not self._console.is_terminal:
            self._console.print(f"  {step} done in {_clock(seconds)}")


@contextmanager
def watching(on: Console) -> Iterator[ProgressWatcher]:
    """Show progress while the body runs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    progress = Progress(*columns, console=on, disable=not on.is_terminal)
    with progress:
        yield ProgressWatcher(progress, on)


def numbers(values: Sequence[float], form: str = "{:.3f}") -> list[str]:
    return [form.format(value) for value in values]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
