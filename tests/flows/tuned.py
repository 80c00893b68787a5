"""A home whose journal has enough documents to tune on, and the parts of a tuning over fakes."""

from datetime import UTC, datetime
from pathlib import Path

from tests.flows.fakes import World
from tests.flows.pages import DAY, page
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.lexical.tantivy_words import TantivyWords
from web4_agent.domain.documents import Document, DocumentState, QualityScore
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.flows.tuning import TuningParts, VersionParts
from web4_agent.records import chunks, documents
from web4_agent.records.documents import DocumentRow
from web4_agent.steps.journal.chunk import chunk_document
from web4_agent.steps.journal.parse import parse_document
from web4_agent.steps.projection import synchronise

SUBJECTS = (
    "anchor", "beacon", "capstan", "davit", "ensign", "fender", "galley", "halyard", "inlet",
    "jetty", "keel", "lantern", "mooring", "narrows", "oarlock", "pontoon", "quay", "rudder",
    "slipway", "tiller", "upwelling", "vane", "winch", "yawl", "ballast", "bollard", "bulwark",
    "cleat",
)  # fmt: skip
COLOURS = ("amber", "bronze", "crimson", "dun", "ebony", "fawn", "green", "hazel", "indigo", "jade", "khaki", "lilac")
PLACES = ("attic", "barn", "cellar", "dairy", "forge", "garden", "hangar", "kiln", "loft", "mill", "nursery")
SETTINGS = RetrievalPolicy(similarity=0.1)
AT = datetime(2026, 3, 2, 21, tzinfo=UTC)


def name_of(at: int) -> DocumentId:
    return DocumentId(f"{DAY}/{DAY}-UTC-08{at:02}-{SUBJECTS[at]}.pdca.md")


def words_of(at: int) -> str:
    """Words that this document has alone, and some that others have as well."""
    own = f"{SUBJECTS[at]}stone {SUBJECTS[at]}wood {SUBJECTS[at]}cord"
    return f"Brought {own} beside {COLOURS[at % 12]} timber toward {PLACES[at % 11]} wall."


def fill(world: World, count: int = len(SUBJECTS)) -> World:
    """Documents of which each has an objective, from which a question is made; other sections have its words as well.

    Straight into the ledger: what indexing checks is no matter here, and takes most of its time.
    """
    with world.database.begin() as connection:
        for at in range(count):
            text = page(SUBJECTS[at], words_of(at))
            parsed = parse_document(name_of(at), text.encode(), modified_utc=AT)
            assert isinstance(parsed, Document)
            documents.add(connection, _row(parsed))
            pieces = chunk_document(parsed, ScriptedEmbedder().token_counts)
            chunks.replace(connection, parsed.id, parsed.content_hash, pieces)
    synchronise(world.database, world.store, ScriptedEmbedder())
    return world


def tuned_world(root: Path, count: int = len(SUBJECTS)) -> World:
    return fill(World(root), count)


def tuning_parts(world: World, policy: RetrievalPolicy = SETTINGS, **changes: object) -> TuningParts:
    values: dict[str, object] = {
        "database": world.database,
        "embedder": ScriptedEmbedder,
        "open_store": lambda: world.store,
        "make_index": TantivyWords,
        "settings": policy,
        "context_tokens": 1200,
        "section_tokens": ScriptedEmbedder().max_tokens,
    }
    return TuningParts(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time


def version_parts(world: World) -> VersionParts:
    return VersionParts(world.database, SETTINGS, world.clock)


def _row(one: Document) -> DocumentRow:
    return DocumentRow(
        one.id,
        one.content_hash,
        one.content_hash,
        one.day,
        DocumentState.BUFFERED,
        "",
        one.title,
        one.header,
        one.text,
        QualityScore(0, 0, 0, 0, 0),
        ok_to_train=True,
        ok_to_retrieve=True,
        indexed_utc=AT,
    )
