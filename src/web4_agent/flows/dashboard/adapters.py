"""The adapters page: every version with its lineage and its verdict, what one was taught, what a rollback would do."""

from dataclasses import dataclass

from web4_agent.domain.adapters import AdapterState, Pointer
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import AdapterVersion, DocumentId
from web4_agent.domain.verdicts import Decision
from web4_agent.flows.dashboard.lineage import Lineage, ancestors, draw
from web4_agent.flows.dashboard.parts import DashboardParts, Paged, paged
from web4_agent.flows.dashboard.told import reasons_of
from web4_agent.records import adapter_lists, adapters, document_lists, night_lists
from web4_agent.records.adapter_lists import AdapterLine, Move

ADAPTERS_A_PAGE = 15
DOCUMENTS_A_PAGE = 40
MOVES_A_PAGE = 10


@dataclass(frozen=True, slots=True)
class AdapterShown:
    """`may_serve`: a rollback to it is possible. `documents`: what its own night added."""

    line: AdapterLine
    documents: int
    decision: Decision | None
    reason: str
    serves: bool
    golden: bool
    in_lineage: bool

    @property
    def may_serve(self) -> bool:
        return self.line.state is AdapterState.PROMOTED and not self.serves


@dataclass(frozen=True, slots=True)
class AdaptersShown:
    pointer: Pointer
    adapters: Paged[AdapterShown]
    lineage: Lineage
    moves: tuple[Move, ...]
    moves_total: int


@dataclass(frozen=True, slots=True)
class Taught:
    """A document, and its title where it is in use."""

    document: DocumentId
    title: str


@dataclass(frozen=True, slots=True)
class AdapterWhole:
    """`lineage` are its ancestors with itself, newest first; `rules` the verdict's sentences."""

    shown: AdapterShown
    lineage: tuple[AdapterVersion, ...]
    rules: tuple[tuple[bool, str], ...]
    taught: Paged[Taught]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rollback to `target` would do: `left` versions serve no more, and `set_apart` documents that
    only they were taught wait for a person."""

    target: AdapterShown
    production: AdapterVersion
    left: tuple[AdapterVersion, ...]
    set_apart: int


def list_adapters(parts: DashboardParts, number: int) -> AdaptersShown:
    """Adapters, newest first. Raises DatabaseError."""
    skip = (number - 1) * ADAPTERS_A_PAGE
    with parts.database.read() as connection:
        pointer = adapters.read_pointer(connection)
        lines = adapter_lists.every(connection)
        page = lines[skip : skip + ADAPTERS_A_PAGE + 1]
        versions = [line.version for line in page]
        counts = adapter_lists.document_counts(connection, versions)
        judged = night_lists.verdicts_on(connection, versions)
        moves = tuple(adapter_lists.moves(connection, 0, MOVES_A_PAGE))
        moves_total = adapter_lists.count_moves(connection)
    lineage = set(ancestors(lines, pointer.production))
    shown = [
        AdapterShown(
            line,
            counts.get(line.version, 0),
            verdict.decision if (verdict := judged.get(line.version)) else None,
            reasons_of(verdict)[0] if verdict else "",
            line.version == pointer.production,
            line.version == pointer.golden,
            line.version in lineage,
        )
        for line in page
    ]
    drawn = draw(lines, pointer.production, skip, ADAPTERS_A_PAGE)
    return AdaptersShown(pointer, paged(shown, number, ADAPTERS_A_PAGE, len(lines)), drawn, moves, moves_total)


def list_moves(parts: DashboardParts, number: int) -> Paged[Move]:
    """Moves of the pointer, newest first."""
    size = DOCUMENTS_A_PAGE
    with parts.database.read() as connection:
        found = adapter_lists.moves(connection, (number - 1) * size, size + 1)
        return paged(found, number, size, adapter_lists.count_moves(connection))


def show_adapter(parts: DashboardParts, version: str, number: int) -> AdapterWhole:
    """Raises UsageError when no adapter is called so."""
    with parts.database.read() as connection:
        lines = adapter_lists.every(connection)
        pointer = adapters.read_pointer(connection)
        line = _found(lines, version)
        judged = night_lists.verdicts_on(connection, [line.version]).get(line.version)
        total = adapter_lists.document_counts(connection, [line.version]).get(line.version, 0)
        names = adapter_lists.documents_of(
            connection, line.version, (number - 1) * DOCUMENTS_A_PAGE, DOCUMENTS_A_PAGE + 1
        )
        titles = document_lists.titles(connection, names)
    taught = [Taught(name, titles.get(name, "")) for name in names]
    shown = AdapterShown(
        line,
        total,
        judged.decision if judged else None,
        reasons_of(judged)[0] if judged else "",
        line.version == pointer.production,
        line.version == pointer.golden,
        line.version in ancestors(lines, pointer.production),
    )
    rules = tuple((rule.passed, rule.sentence) for rule in judged.rules) if judged else ()
    return AdapterWhole(
        shown, tuple(ancestors(lines, line.version)), rules, paged(taught, number, DOCUMENTS_A_PAGE, total)
    )


def preview_rollback(parts: DashboardParts, version: str) -> Preview:
    """What a person sees before the pointer is moved. Raises UsageError where it can't be moved there."""
    whole = show_adapter(parts, version, 1)
    if not whole.shown.may_serve:
        state = "serves already" if whole.shown.serves else f"is {whole.shown.line.state}"
        raise UsageError(f"{version} {state}: nothing can be rolled back to it", "web4-agent adapters")
    with parts.database.read() as connection:
        production = adapters.read_pointer(connection).production
        serving = ancestors(adapter_lists.every(connection), production)
        trained = document_lists.trained_counts(connection)
    kept = set(whole.lineage)
    left = tuple(one for one in serving if one not in kept)
    apart = sum(count for adapter, count in trained.items() if adapter not in kept)
    return Preview(whole.shown, production, left, apart)


def _found(lines: list[AdapterLine], version: str) -> AdapterLine:
    line = next((one for one in lines if one.version == version), None)
    if line is None:
        raise UsageError(f"no adapter is called {version[:32]!r}", "web4-agent adapters")
    return line
