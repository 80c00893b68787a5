"""What children leave out to be quick: what only a power cut could tell from the real thing, and counting memory.

A killed process loses nothing that it has written, synced to the disk or not. Called by the nursery alone.
"""

import os
from typing import Any

import sqlalchemy

from web4_agent.pipeline import runner
from web4_agent.storage import database

_compiled: dict[Any, Any] = {}
"""Compiled statements, of all engines of a process and its children: each engine keeps its own otherwise."""


def make_haste() -> None:
    os.fsync = lambda descriptor: None  # type: ignore[assignment] # takes what the real one takes
    runner._PeakMemory._look = lambda self: None  # type: ignore[method-assign] # it reads every process of the machine
    pragmas, make = database._pragmas, sqlalchemy.create_engine

    def quick_pragmas(connection: Any, synchronous: str) -> None:  # the driver's own connection has no public type
        del synchronous
        pragmas(connection, "OFF")

    def make_sharing(*url: Any, **options: Any) -> Any:  # as SQLAlchemy's own
        return make(*url, **options).execution_options(compiled_cache=_compiled)

    for name, quick in (("_pragmas", quick_pragmas), ("create_engine", make_sharing)):
        setattr(database, name, quick)
