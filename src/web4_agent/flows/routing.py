"""What the router knows of one journal: the names of its agents and its sprints, read from the ledger.

Called by the gateway, which asks `refreshed` now and then and reads anew only when a collection or the day changed, and
has changed, and by the command `route`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from web4_agent.records import collections, documents, timeline
from web4_agent.steps.route import Known
from web4_agent.storage.database import Database

MAX_NAMES = 5_000
"""Bounds the memory of the look-up; a journal has dozens."""
_ARROW = re.compile(r"\s*(?:→|->|=>|\(|/|\||,)\s*")
_SPRINT = re.compile(r"sprint[\s_-]{0,3}(\d{1,4})", re.IGNORECASE)
_GENERIC = frozenset({"agent", "developer", "background", "user", "unknown", "none", "team", "tbd", "n/a"})
"""No name: a question that has such a word does not ask about a person."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was known when the collections stood at `epochs`."""

    known: Known
    epochs: Mapping[str, int]


def known(database: Database, today: date) -> Known:
    """Read names and sprints from the ledger; tens of milliseconds for thousands of documents."""
    with database.read() as connection:
        authors = timeline.agents(connection)
        sprints = documents.sprints(connection)
    names = {name for author in authors if (name := agent_name(author))}
    found = {f"Sprint {number}" for sprint in sprints for number in _SPRINT.findall(sprint)}
    return Known(frozenset(sorted(names)[:MAX_NAMES]), frozenset(found), today)


def refreshed(database: Database, today: date, last: Knowledge | None) -> Knowledge:
    """`last` itself while neither the day nor a collection has changed, else what is known now."""
    with database.read() as connection:
        epochs = collections.epochs(connection)
    if last is not None and last.known.today == today and last.epochs == epochs:
        return last
    return Knowledge(known(database, today), epochs)


def agent_name(author: str) -> str:
    """`Maren Tolvik → Product Owner` is Maren Tolvik; an empty text where the header names nobody."""
    name = _ARROW.split(author.strip(" *_`\"'"), maxsplit=1)[0].strip(" *_`\"'")
    return "" if not 3 <= len(name) <= 60 or name.lower() in _GENERIC else name
