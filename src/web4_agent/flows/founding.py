"""Founding a home: folders, settings, ledger, the base model converted once, the base registered as golden.

Called by `init`. Safe to repeat: what is there is left as it is, so a killed init is simply run again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.home import Home
from web4_agent.domain.ids import BASE, ContentHash
from web4_agent.records import adapters
from web4_agent.steps.promote import converge
from web4_agent.storage.atomic import publish_text, translated_os_errors
from web4_agent.storage.database import Database
from web4_agent.storage.migrations import migrate


@dataclass(frozen=True, slots=True)
class FoundingParts:
    """`prepare_base` and `prepare_embedder` tell `say` what they do; the first returns the hash of what will serve."""

    database: Callable[[], Database]
    prepare_base: Callable[[Callable[[str], None]], ContentHash]
    prepare_embedder: Callable[[Callable[[str], None]], None]
    now: Callable[[], datetime]


def make_folders(home: Home, settings_text: str) -> bool:
    """Folders and `web4.toml`; returns whether the settings are new. Raises HomeError when it can't be written."""
    with translated_os_errors(home.root):
        for folder in home.folders:
            folder.mkdir(parents=True, exist_ok=True)
    if home.settings.exists():
        return False
    publish_text(settings_text, home.settings)
    return True


def found(parts: FoundingParts, say: Callable[[str], None]) -> ContentHash:
    """Make the ledger and the models, and let the base serve as production and golden. Returns the base's hash."""
    say("making the ledger")
    database = parts.database()
    migrate(database)
    serving = parts.prepare_base(say)
    parts.prepare_embedder(say)
    with database.begin() as connection:
        base = adapters.get(connection, BASE)
        if base is None:
            base = Adapter(BASE, None, AdapterState.PROMOTED, None, serving, None, 1.0, parts.now())
            adapters.add(connection, base)
            adapters.move_pointer(connection, BASE, "the base model is golden", parts.now())
    return serving


def serve_pointer(home: Home, database: Database, artefact: str) -> None:
    """What serves follows the ledger: runs at every start."""
    with database.begin() as connection:
        production = adapters.get(connection, adapters.read_pointer(connection).production)
    if production is not None:
        converge(production, home, artefact)
