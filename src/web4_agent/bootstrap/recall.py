"""The day's look-up for the questions of the historical retrieval harness.

Called by the parts of the evaluation. Items that ship are asked over the journal that ships, indexed for the occasion
into a temporary ledger; a team's own over the home's journal.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from web4_agent.domain.errors import SettingsError

if TYPE_CHECKING:
    from web4_agent.bootstrap.day import Daily
    from web4_agent.domain.context import Prepared
    from web4_agent.steps.harnesses import Item, LookUp
    from web4_agent.steps.retrieval.library import Library
    from web4_agent.storage.database import Database

    Ask = Callable[[str], Prepared]

JOURNAL = Path(__file__).parents[1] / "data" / "demo_journal"


@contextmanager
def looking_up(runtime: "Daily", items: "Sequence[Item]") -> "Iterator[LookUp]":
    """A look-up for these items, as a question that asks for retrieval has it. Raises SettingsError for an item whose
    document is not in the journal that it asks about."""
    own = [item for item in items if item.own]
    shipped = [item for item in items if not item.own]
    _refuse_unknown(runtime.database, own, "the home's journal", "web4-agent index, or correct the item")
    with ExitStack() as opened:
        asks = {True: _asking(runtime, runtime.database, lambda: runtime.library)}
        if shipped:
            database, library = opened.enter_context(_journal_that_ships(runtime))
            _refuse_unknown(database, shipped, "the journal that ships", "move the item to evaluation.team_items")
            asks[False] = _asking(runtime, database, lambda: library)
        yield lambda item: asks[item.own](item.prompt)


@contextmanager
def _journal_that_ships(runtime: "Daily") -> "Iterator[tuple[Database, Library]]":
    """Indexed into a temporary ledger, with its vectors in memory: seconds, and the home is left as it is. The policy
    in force in the home says what is shown of it."""
    from web4_agent.backends.lexical.tantivy_words import TantivyWords
    from web4_agent.backends.vectors.memory import MemoryStore
    from web4_agent.flows.indexing import IndexParts, IndexRequest, index
    from web4_agent.steps.retrieval.in_force import PolicyInForce
    from web4_agent.steps.retrieval.library import Library, LibraryParts
    from web4_agent.storage.database import Database, sqlite_url
    from web4_agent.storage.migrations import migrate

    store = MemoryStore()
    with tempfile.TemporaryDirectory(prefix="web4-recall-") as folder:
        database = Database(sqlite_url(Path(folder) / "ledger.db"))
        try:
            migrate(database)
            parts = IndexParts(
                database, JOURNAL, runtime.embedder(), lambda: store, runtime.now, watcher=runtime.watcher
            )
            index(parts, IndexRequest())
            policy = runtime.library_policy
            policy = replace(policy, search=PolicyInForce(runtime.database, policy.search, 0.0).now())
            yield database, Library(LibraryParts(database, lambda: store, runtime.embedder, TantivyWords, policy))
        finally:
            database.close()


def _asking(runtime: "Daily", database: "Database", library: "Callable[[], Library]") -> "Ask":
    """What is put before a question over this journal, whatever the question is about: retrieval is asked for."""
    from web4_agent.flows.routing import known
    from web4_agent.flows.serving import ServingParts, prepare
    from web4_agent.steps.route import Wish, route

    def ask(question: str) -> "Prepared":
        settings = runtime.settings
        parts = ServingParts(
            database,
            lambda text, wish, before: route(text, facts, wish=wish, before=before),
            library(),
            lambda texts: runtime.embedder().token_counts(texts),
            settings.tools.ecosystem,
            settings.retrieval.context_tokens,
        )
        facts = known(database, runtime.now().date())
        return prepare(parts, question, parts.route(question, Wish.FORCE, ()))

    return ask


def _refuse_unknown(database: "Database", items: "Sequence[Item]", where: str, hint: str) -> None:
    from web4_agent.records import documents

    if not items:
        return
    with database.read() as connection:
        there = set(documents.known(connection))
    names = there | {name.rsplit("/", 1)[-1] for name in there}
    for item in items:
        if item.document not in names:
            message = f"{item.source}: item '{item.id}': key 'document': '{item.document}' is not in {where}"
            raise SettingsError(message, hint)
