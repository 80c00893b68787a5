"""References over fakes: what goes in, what is refused, and that journal, night and doctor are not disturbed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.fakes import World
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.domain.documents import RejectionReason
from web4_agent.domain.errors import JournalError, UsageError
from web4_agent.domain.ids import DocumentId
from web4_agent.domain.runs import RunState
from web4_agent.flows.collections import CollectionParts, overview, reindex
from web4_agent.flows.doctor import examine
from web4_agent.flows.referencing import (
    FolderSummary,
    ReferenceParts,
    ReferenceRequest,
    ReferenceSummary,
    forget_folder,
    index_references,
)
from web4_agent.records import chunks, collections, references, rejections
from web4_agent.steps.projection import BUFFER, COMPONENTS, HISTORY, PROCESS_DOCS, REFERENCES, differences
from web4_agent.storage.database import Database

SECRET = "AKIA" + "QZ7M2XN4PLT6WRSB"
Index = Callable[..., ReferenceSummary]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    root = tmp_path / "handbook"
    root.mkdir()
    (root / "release.md").write_text("# How we release\n\nOn Fridays nobody releases; ask Ada first.\n")
    (root / "oncall.md").write_text("# On call\n\nThe pager goes from hand to hand on Mondays.\n")
    return root


@pytest.fixture
def parts(world: World) -> ReferenceParts:
    return ReferenceParts(world.database, ScriptedEmbedder, lambda: world.store, world.clock)


@pytest.fixture
def put(parts: ReferenceParts) -> Index:
    def index(*folders: tuple[str, Path], **options: bool) -> ReferenceSummary:
        return index_references(parts, ReferenceRequest(folders, **options))

    return index


def collection_parts(world: World) -> CollectionParts:
    return CollectionParts(world.database, world.home, ScriptedEmbedder, lambda: world.store, world.clock)


def counts(one: FolderSummary) -> tuple[int, int, int, int, int]:
    return one.found, one.new, one.edited, one.unchanged, one.gone


def epochs(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return collections.epochs(connection)


def test_documents_go_into_ledger_words_and_vectors(world: World, docs: Path, put: Index) -> None:
    summary = put((PROCESS_DOCS, docs))
    assert counts(summary.folders[0]) == (2, 2, 0, 0, 0)
    name = DocumentId("process_docs:handbook/release.md")
    with world.database.read() as connection:
        row = references.get(connection, name)
        assert row is not None
        assert (row.title, row.root, row.file_path) == ("How we release", str(docs), "handbook/release.md")
        (found, *_) = chunks.lexical(connection, "who may release on Fridays", 3, (PROCESS_DOCS,))
        assert found[0].startswith("process_docs:")
        assert chunks.lexical(connection, "who may release on Fridays", 3) == []
    assert set(world.store.ids(PROCESS_DOCS).values()) == {name, DocumentId("process_docs:handbook/oncall.md")}
    (match, *_) = world.store.query(PROCESS_DOCS, ScriptedEmbedder().embed(["release Fridays"])[0], 1)
    assert match.entry.metadata == {
        "kind": "other",
        "position": 0,
        "title": "How we release",
        "file_path": "handbook/release.md",
        "ecosystem": "",
        "ok_to_retrieve": True,
    }


def test_indexing_again_changes_nothing_and_an_edit_replaces(world: World, docs: Path, put: Index) -> None:
    put((PROCESS_DOCS, docs))
    again = put((PROCESS_DOCS, docs))
    assert (counts(again.folders[0]), again.chunks) == ((2, 0, 0, 2, 0), 0)
    assert epochs(world.database)[PROCESS_DOCS] == 1
    (docs / "release.md").write_text("# How we release\n\nOn Tuesdays after lunch.\n")
    assert counts(put((PROCESS_DOCS, docs)).folders[0]) == (2, 0, 1, 1, 0)
    with world.database.read() as connection:
        assert chunks.lexical(connection, "Fridays", 3, (PROCESS_DOCS,)) == []
        assert len(chunks.lexical(connection, "Tuesdays", 3, (PROCESS_DOCS,))) == 1
    assert epochs(world.database)[PROCESS_DOCS] == 2


def test_a_file_that_is_gone_leaves(world: World, docs: Path, put: Index) -> None:
    put((PROCESS_DOCS, docs))
    (docs / "oncall.md").unlink()
    assert counts(put((PROCESS_DOCS, docs)).folders[0]) == (1, 0, 0, 1, 1)
    assert set(world.store.ids(PROCESS_DOCS).values()) == {"process_docs:handbook/release.md"}


def test_a_file_with_a_secret_is_named_and_leaves_if_it_was_in(world: World, docs: Path, put: Index) -> None:
    put((PROCESS_DOCS, docs))
    (docs / "oncall.md").write_text(f"# On call\n\nThe key is {SECRET} for everybody.\n")
    (rejection,) = put((PROCESS_DOCS, docs)).folders[0].rejected
    assert (rejection.id, rejection.reason) == ("process_docs:handbook/oncall.md", RejectionReason.SECRET)
    assert "line 3" in rejection.detail
    with world.database.read() as connection:
        assert SECRET not in str([references.get(connection, rejection.id), *rejections.every(connection)])
        assert [row.id for row in rejections.every(connection)] == [rejection.id]
    assert rejection.id not in world.store.ids(PROCESS_DOCS).values()
    (docs / "oncall.md").unlink()
    put((PROCESS_DOCS, docs))
    with world.database.read() as connection:
        assert rejections.every(connection) == []


def test_a_dry_run_changes_nothing(world: World, docs: Path, put: Index) -> None:
    assert put((PROCESS_DOCS, docs), dry_run=True).folders[0].new == 2
    with world.database.read() as connection:
        assert references.known(connection, PROCESS_DOCS) == {}
    assert world.store.ids(PROCESS_DOCS) == {}


def test_a_folder_that_is_not_mounted_does_not_empty_its_collection(tmp_path: Path, world: World, put: Index) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for at in range(12):
        (root / f"{at}.md").write_text(f"page number {at}\n")
    put((PROCESS_DOCS, root))
    for path in root.iterdir():
        path.unlink()
    with pytest.raises(JournalError, match="12 of 12 known files are gone"):
        put((PROCESS_DOCS, root))
    assert len(world.store.ids(PROCESS_DOCS)) == 12
    assert put((PROCESS_DOCS, root), accept_gone=True).folders[0].gone == 12
    assert world.store.ids(PROCESS_DOCS) == {}


def test_two_folders_of_one_name_stay_apart_and_one_can_be_forgotten(
    tmp_path: Path, world: World, parts: ReferenceParts, put: Index
) -> None:
    for team in ("red", "blue"):
        (tmp_path / team / "src").mkdir(parents=True)
        (tmp_path / team / "src" / "main.py").write_text(f"TEAM = '{team}'\n")
    red, blue = (COMPONENTS, tmp_path / "red" / "src"), (COMPONENTS, tmp_path / "blue" / "src")
    put(red)
    put(blue)
    put(blue, red)
    names = {"components:src/main.py", "components:src-2/main.py"}
    assert set(world.store.ids(COMPONENTS).values()) == names
    assert forget_folder(parts, *red) == 1
    assert set(world.store.ids(COMPONENTS).values()) == {"components:src-2/main.py"}
    with pytest.raises(UsageError, match=r"holds nothing of .*red"):
        forget_folder(parts, *red)


def test_a_folder_within_another_is_refused(docs: Path, put: Index) -> None:
    (docs / "inner").mkdir()
    with pytest.raises(UsageError, match="is within"):
        put((PROCESS_DOCS, docs), (PROCESS_DOCS, docs / "inner"))


def test_journal_night_and_doctor_are_not_disturbed(world: World, docs: Path, put: Index) -> None:
    world.write_journal().index()
    put((PROCESS_DOCS, docs), (COMPONENTS, docs))
    before = {name: world.store.ids(name) for name in (PROCESS_DOCS, COMPONENTS)}
    assert world.index().chunks == 0
    assert world.night().state is RunState.PROMOTED
    assert {name: world.store.ids(name) for name in before} == before
    assert len(world.store.ids(HISTORY)) > 0
    assert world.store.ids(BUFFER) == {}
    assert all(one.empty for one in differences(world.database, world.store))
    checks = [finding for finding in examine(world.doctor_parts(), fix=False) if "collection" in finding.check]
    assert len(checks) == 5
    assert all(finding.healthy for finding in checks)


def test_the_doctor_mends_a_reference_collection(world: World, docs: Path, put: Index) -> None:
    put((PROCESS_DOCS, docs))
    world.store.remove(PROCESS_DOCS, [DocumentId("process_docs:handbook/release.md")])
    wrong = [finding for finding in examine(world.doctor_parts(), fix=True) if finding.fixed]
    assert [finding.check for finding in wrong] == ["collection process_docs"]
    assert len(world.store.ids(PROCESS_DOCS)) == 2


def test_the_overview_counts_all_five_and_says_what_differs(world: World, docs: Path, put: Index) -> None:
    world.write_journal().index()
    put((PROCESS_DOCS, docs))
    world.store.remove(PROCESS_DOCS, [DocumentId("process_docs:handbook/release.md")])
    found = {one.name: one for one in overview(collection_parts(world))}
    assert list(found) == [BUFFER, HISTORY, *REFERENCES]
    assert (found[BUFFER].documents, found[BUFFER].healthy) == (6, True)
    assert found[BUFFER].chunks == found[BUFFER].vectors > 6
    mine = found[PROCESS_DOCS]
    assert (mine.documents, mine.chunks, mine.vectors, mine.epoch) == (2, 2, 1, 1)
    assert mine.differs == "1 documents missing, 0 too many"
    assert mine.changed_utc is not None
    assert found[COMPONENTS].changed_utc is None


@pytest.mark.parametrize("name", [BUFFER, PROCESS_DOCS])
def test_reindexing_embeds_everything_of_one_collection_anew(world: World, docs: Path, put: Index, name: str) -> None:
    world.write_journal().index()
    put((PROCESS_DOCS, docs))
    whole, epoch = world.store.ids(name), epochs(world.database)[name]
    gone = min(whole.values())
    world.store.remove(name, [gone])
    assert reindex(collection_parts(world), name).chunks == len(whole)
    assert world.store.ids(name) == whole
    assert epochs(world.database)[name] == epoch + 1
    assert all(one.empty for one in differences(world.database, world.store))


def test_an_unknown_collection_is_named_with_those_there_are(world: World) -> None:
    with pytest.raises(UsageError, match="no collection is called 'notes'") as raised:
        reindex(collection_parts(world), "notes")
    assert PROCESS_DOCS in raised.value.hint
