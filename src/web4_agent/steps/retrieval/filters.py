"""What a look-up may be narrowed to. Made by the gateway and the CLI from what was asked; read by the shelf."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Filters:
    """Everything is optional and all that is given must hold.

    `start` and `end` are the first and the last day; what has no date is then left out. `agent`, `role` and `sprint`
    match anywhere in what a document's header says, in any case ("Ada" finds "Ada Example → Example team"); the others
    match whole. `kind` is a section's ("plan", "check"). Without `collections` the policy's are searched.
    """

    start: date | None = None
    end: date | None = None
    agent: str = ""
    role: str = ""
    sprint: str = ""
    collections: tuple[str, ...] = ()
    ecosystem: str = ""
    kind: str = ""

    @property
    def any(self) -> bool:
        return self != Filters()


EVERYTHING = Filters()
