"""What the month's tasks find. As `weekly`."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from web4_agent.domain.maintenance import Outcome, Todo
from web4_agent.records import interactions
from web4_agent.steps.proportions import change, share
from web4_agent.steps.tool_packs import Problem
from web4_agent.storage.database import Database

ENOUGH_LOOKUPS = 30
"""Below it a fall of the hit rate is chance, and tuning has too few real questions to go by."""


class Made(Protocol):
    """A backup that was just made: its name, and the adapters that should be in it and were whole nowhere."""

    @property
    def name(self) -> str: ...
    @property
    def missing(self) -> Sequence[str]: ...


class Rehearsed(Protocol):
    """What a restore would do."""

    @property
    def comes(self) -> Sequence[str]: ...
    @property
    def removed(self) -> Sequence[str]: ...


class Collection(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def differs(self) -> str: ...


class Month(Protocol):
    @property
    def retrievals(self) -> int: ...
    @property
    def retrieval_hit_rate(self) -> float | None: ...
    @property
    def hot_hit_rate(self) -> float | None: ...


class Ready(Protocol):
    @property
    def ecosystem(self) -> str: ...
    @property
    def examples(self) -> int: ...
    @property
    def chunks(self) -> int: ...
    @property
    def broken(self) -> Sequence[Problem]: ...


def restore_rehearsal(make: Callable[[], Made], rehearse: Callable[[str], Rehearsed]) -> Outcome:
    """A full backup, read back file by file and made ready as a restore would; `rehearse` raises what is wrong."""
    made = make()
    plan = rehearse(made.name)
    todo = [Todo("keep a backup on another machine or disk", "web4-agent backup --archive --to FOLDER")]
    lost = sorted({*made.missing, *plan.removed})
    if lost:
        todo.insert(0, Todo(f"adapters that no backup holds whole: {', '.join(lost)}", "web4-agent doctor --fix"))
    found = f"{made.name} was made, every file of it read back, and its ledger opened as a restore would"
    return Outcome(found, tuple(todo), amiss=bool(lost))


def retrieval_health(collections: Sequence[Collection], now: Month, before: Month) -> Outcome:
    """`now`: the last 31 days; `before`: the 31 days before these."""
    todo = [
        Todo(f"the collection {one.name} differs from the ledger: {one.differs}", "web4-agent doctor --fix")
        for one in collections
        if one.differs
    ]
    fell = _fell(now, before)
    if fell:
        todo.append(Todo("fewer look-ups find a source than the month before", "web4-agent report --days 62"))
    amiss = bool(todo)
    if now.retrievals >= ENOUGH_LOOKUPS:
        todo.append(Todo("tune the look-up on the questions of the month", "web4-agent tune"))
    state = "no look-up in 31 days"
    if now.retrieval_hit_rate is not None:
        earlier = "" if before.retrieval_hit_rate is None else f" ({before.retrieval_hit_rate:.0%} the month before)"
        state = f"{now.retrieval_hit_rate:.0%} of {now.retrievals:,} look-ups found a source{earlier}"
    hot = "" if now.hot_hit_rate is None else f", hot cache {now.hot_hit_rate:.0%}"
    whole = sum(not one.differs for one in collections)
    return Outcome(f"{whole} of {len(collections)} collections equal the ledger; {state}{hot}", tuple(todo), amiss)


def satisfaction_trend(sentence: str, trend: str) -> Outcome:
    """`trend` as the report names it: it says `fell` only where that is not chance."""
    fell = trend == "fell"
    todo = Todo("satisfaction fell: look at which route and which adapter", "web4-agent satisfaction --days 31")
    return Outcome(sentence, (todo,) if fell else (), amiss=fell)


def text_retention(database: Database, now: datetime, days: int) -> Outcome:
    """Delete the text of queries that is older than the settings allow: a gateway does so daily, while it runs."""
    with database.begin() as connection:
        gone = interactions.forget_texts(connection, now - timedelta(days=days))
    if gone:
        return Outcome(f"texts older than {days} days, now deleted: {gone:,}")
    return Outcome(f"no text is older than {days} days")


def tool_packs(ready: Ready) -> Outcome:
    stale = f"{ready.chunks} were stale and are embedded anew" if ready.chunks else "none was stale"
    found = f"{ready.ecosystem} is in force; of {ready.examples} examples {stale}"
    todo = tuple(Todo(f"{one.sentence}", "web4-agent tools check") for one in ready.broken)
    return Outcome(found, todo, amiss=bool(todo))


def _fell(now: Month, before: Month) -> bool:
    """Whether the hit rate fell by more than chance explains."""
    if min(now.retrievals, before.retrievals) < ENOUGH_LOOKUPS:
        return False
    earlier, later = _hits(before), _hits(now)
    return change(share(*earlier), share(*later)).high < 0


def _hits(one: Month) -> tuple[int, int]:
    return round((one.retrieval_hit_rate or 0.0) * one.retrievals), one.retrievals
