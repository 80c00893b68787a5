"""The table of docs/faults.md, read: what a person is told of each fault, so that tests can hold it to what happens."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from web4_agent.domain.errors import Web4Error

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


@dataclass(frozen=True, slots=True)
class Row:
    """`says` and `type` are as written, with `…` for what differs from case to case."""

    fault: str
    exit_code: int
    says: str
    type: str


@lru_cache(maxsize=1)
def rows() -> dict[str, Row]:
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 5 and cells[1].isdigit():
            found[cells[0]] = Row(cells[0], int(cells[1]), cells[2].strip("`"), cells[3].strip("`"))
    return found


def told(fault: str, error: BaseException) -> Web4Error:
    """The error is what the table's row of that fault says it is; returns it."""
    row = rows()[fault]
    assert isinstance(error, Web4Error), repr(error)
    assert error.exit_code == row.exit_code, f"{type(error).__name__}: {error.message}"
    assert fits(row.says, error.message), f"{row.says!r} is not {error.message!r}"
    assert fits(row.type, error.hint), f"{row.type!r} is not {error.hint!r}"
    return error


def told_in_words(fault: str, said: str, exit_code: int) -> None:
    """For what is no error: a sentence of a report, a rejection."""
    row = rows()[fault]
    assert row.exit_code == exit_code
    assert fits(row.says, said), f"{row.says!r} is not {said!r}"


def fits(written: str, said: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in written.split("…"))
    return re.fullmatch(pattern, said, re.DOTALL) is not None
