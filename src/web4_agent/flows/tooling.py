"""Tool ecosystems: the packs' examples in `tool_examples`, and the switch that says whose are in force.

All packs' examples are indexed, each under its ecosystem; a query reads those of the one in force. So switching is one
row, at once and for every gateway on the ledger, and nothing is retrained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from web4_agent.backends.embedders.base import Embedder
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain.documents import Chunk, SectionKind
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import ChunkId, DocumentId
from web4_agent.records import references, switches
from web4_agent.records.references import Reference
from web4_agent.steps.projection import TOOL_EXAMPLES, differences, synchronise
from web4_agent.steps.references.entries import put_reference, remove_references
from web4_agent.steps.tool_packs import Pack, PackSource, Problem, find_packs, load_pack, read_pack, render_example
from web4_agent.storage.artifacts import hash_text
from web4_agent.storage.database import Database


@dataclass(frozen=True, slots=True)
class ToolParts:
    """`own` is the team's folder of packs, which need not exist; `default` the ecosystem of the settings."""

    database: Database
    embedder: Callable[[], Embedder]
    open_store: Callable[[], VectorStore]
    now: Callable[[], datetime]
    own: Path
    default: str


@dataclass(frozen=True, slots=True)
class PackState:
    """`problems` is empty where the pack can be used; `indexed` are its examples in the ledger."""

    name: str
    folder: Path
    shipped: bool
    description: str
    syntax: str
    tools: tuple[str, ...]
    examples: int
    negatives: int
    indexed: int
    in_force: bool
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ToolsReady:
    """`ecosystem` is in force; `known` have examples to retrieve; `broken` are left out, with what is wrong first."""

    ecosystem: str
    known: tuple[str, ...]
    examples: int
    chunks: int
    broken: tuple[Problem, ...]
    seconds: float


def ensure_tools(parts: ToolParts) -> ToolsReady:
    """Index what is new or changed in any pack, drop what is gone, repair the collection; cheap when nothing is.

    For the start of a gateway: call it before the gateway opens its own vector store. A broken pack of the team's own
    is left out and named; what it had in the collection stays.
    """
    started = parts.now()
    whole: list[Pack] = []
    broken: list[Problem] = []
    sources = find_packs(parts.own)
    for source in sources.values():
        pack, problems = read_pack(source.folder)
        if pack is not None and not problems:
            whole.append(pack)
        broken += problems[:1]
    written = _index(parts, whole, keep=set(sources) - {pack.name for pack in whole})
    return _ready(parts, written, tuple(broken), started)


def use_ecosystem(parts: ToolParts, name: str) -> ToolsReady:
    """Put a pack's examples in force, and index what is new in them. The switch is written last: until then, what was
    in force is.

    Raises UsageError on an unknown name, naming those known; SettingsError when the pack has a problem.
    """
    started = parts.now()
    pack = find_pack(parts, name)
    written = _index(parts, [pack], keep=set(find_packs(parts.own)) - {name})
    with parts.database.begin() as connection:
        switches.put(connection, switches.ECOSYSTEM, name)
    return _ready(parts, written, (), started)


def list_packs(parts: ToolParts) -> tuple[PackState, ...]:
    """Every pack there is, by name, whole or not."""
    with parts.database.read() as connection:
        in_force = switches.get(connection, switches.ECOSYSTEM, parts.default)
        held = [_ecosystem(one) for one in references.known(connection, TOOL_EXAMPLES)]
    return tuple(_state(source, in_force, held.count(name)) for name, source in find_packs(parts.own).items())


def find_pack(parts: ToolParts, name: str) -> Pack:
    """A pack with its tools and examples. Raises UsageError and SettingsError as `use_ecosystem`."""
    return load_pack(_source(parts, name).folder)


def check_packs(own: Path, folder: Path | None = None) -> tuple[tuple[PackSource, tuple[Problem, ...]], ...]:
    """What is wrong with the pack in `folder`, or with every pack there is. Raises UsageError: no such folder."""
    if folder is None:
        return tuple((source, read_pack(source.folder)[1]) for source in find_packs(own).values())
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", "web4-agent tools check FOLDER")
    real = folder.resolve()
    return ((PackSource(real.name, real, shipped=False), read_pack(real)[1]),)


def _ready(parts: ToolParts, written: int, broken: tuple[Problem, ...], started: datetime) -> ToolsReady:
    with parts.database.read() as connection:
        ecosystem = switches.get(connection, switches.ECOSYSTEM, parts.default)
        held = references.known(connection, TOOL_EXAMPLES)
    known = tuple(sorted({_ecosystem(one) for one in held}))
    return ToolsReady(ecosystem, known, len(held), written, broken, (parts.now() - started).total_seconds())


def _source(parts: ToolParts, name: str) -> PackSource:
    sources = find_packs(parts.own)
    if name not in sources:
        raise UsageError(
            f"no pack is called {name!r}; known are {', '.join(sources)}",
            f"web4-agent tools list, or add one as {parts.own / 'NAME'}",
        )
    return sources[name]


def _index(parts: ToolParts, packs: list[Pack], keep: set[str]) -> int:
    """Ledger first, then vectors; returns the chunks embedded. Examples of packs in `keep` are left as they are."""
    rows = {row.id: row for pack in packs for row in _rows(pack, parts.now())}
    with parts.database.read() as connection:
        known = references.known(connection, TOOL_EXAMPLES)
    fresh = [row for name, row in rows.items() if known.get(name) != row.content_hash]
    gone = [name for name in known if name not in rows and _ecosystem(name) not in keep]
    if fresh or gone:
        with parts.database.begin() as connection:
            for row in fresh:
                put_reference(connection, row, [_chunk(row)])
            remove_references(connection, gone)
    store = parts.open_store()
    try:
        if all(one.empty for one in differences(parts.database, store, (TOOL_EXAMPLES,))):
            return 0  # spares loading the embedder
        return synchronise(parts.database, store, parts.embedder(), only=(TOOL_EXAMPLES,))
    finally:
        store.close()


def _rows(pack: Pack, now: datetime) -> list[Reference]:
    """Each example as what is looked up: titled by the tool that is right, hashed with all that its entry shows."""
    rows = []
    for example in pack.examples:
        text = render_example(example, pack)
        title = example.tool or "no tool"
        rows.append(
            Reference(
                id=DocumentId(f"{TOOL_EXAMPLES}:{pack.name}/{example.id}"),
                collection=TOOL_EXAMPLES,
                content_hash=hash_text(f"{title}\n{text}"),
                title=title,
                root=str(pack.folder),
                ecosystem=pack.name,
                ok_to_retrieve=True,
                text=text,
                indexed_utc=now,
            )
        )
    return rows


def _chunk(row: Reference) -> Chunk:
    """The whole example, however long: half of a call is worse than none. The embedder reads its beginning, where the
    question stands."""
    identity = hash_text(f"{row.id}\n{row.content_hash}")[:40]
    path = (row.ecosystem, row.title)
    return Chunk(ChunkId(f"{TOOL_EXAMPLES}:{identity}"), row.id, SectionKind.OTHER, path, row.text, 0)


def _ecosystem(example: DocumentId) -> str:
    return example.partition(":")[2].partition("/")[0]


def _state(source: PackSource, in_force: str, indexed: int) -> PackState:
    pack, problems = read_pack(source.folder)
    return PackState(
        name=source.name,
        folder=source.folder,
        shipped=source.shipped,
        description=pack.description if pack else "",
        syntax=pack.syntax if pack else "",
        tools=tuple(tool.name for tool in pack.tools) if pack else (),
        examples=len(pack.positives) if pack else 0,
        negatives=len(pack.negatives) if pack else 0,
        indexed=indexed,
        in_force=source.name == in_force,
        problems=problems,
    )
