"""Forgetting over fakes: where the document was, it is not; what served before it serves; later nights are replayed."""

import copy
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.flows.fakes import ARTEFACT, DAY, KeptStore, World
from tests.flows.interactions import asked, source
from tests.flows.pages import page, write
from tests.flows.test_night import Killed, states
from tests.kills.invariants import check_invariants
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.lexical.memory import MemoryWords
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.domain import tidings
from web4_agent.domain.adapters import AdapterState
from web4_agent.domain.alerts import Alert, AlertEvent
from web4_agent.domain.documents import DocumentState, RejectionReason
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import BASE, AdapterVersion, DocumentId, RunId
from web4_agent.domain.queries import Feedback, ResponseId, Route, RouteDecision, Thumb
from web4_agent.domain.runs import RunState
from web4_agent.flows.forgetting import (
    ForgetParts,
    ForgetRequest,
    Forgotten,
    Replay,
    Replayed,
    allow_again,
    forget,
    pending,
    rehearse,
    resume,
)
from web4_agent.flows.forgetting.parts import Versions
from web4_agent.flows.night import NightRequest, again
from web4_agent.flows.rollback import roll_back
from web4_agent.records import adapters, alerts, document_uses, documents, feedback, interactions
from web4_agent.steps.judging.measure import GateItems, load_gate_items
from web4_agent.steps.retrieval.library import Library, LibraryParts

ITEMS = load_gate_items(per_stratum=5)
SECRET = "The vault of pier nine opens with the word zanzibarquux and nothing else, said the harbour master on Sunday."
NAME = "2026-03-03/2026-03-03-UTC-0902-vault-door.pdca.md"


def parts(world: World, reached: Callable[[str], None] = lambda point: None, **changes: object) -> ForgetParts:
    def replay(day: date, versions: Versions) -> Replayed:
        report = again(world.parts(reached=reached), NightRequest(day, only=versions))
        return Replayed(report.run, report.state, report.serving, report.sentence)

    values: dict[str, object] = {
        "database": world.database,
        "home": world.home,
        "artefact": ARTEFACT,
        "embedder": ScriptedEmbedder,
        "open_store": lambda: world.store,
        "fresh_store": None,
        "replay": replay,
        "now": world.clock,
        "reached": reached,
    }
    return ForgetParts(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time


def later_day(world: World, day: int, names: Sequence[str]) -> None:
    for at, name in enumerate(names):
        text = f"Number {at} of day {day}: " + " ".join(f"w{day}x{at}x{n}" for n in range(40))
        write(world.journal, f"08{at:02}-{name}", page(name.replace("-", " "), text), f"2026-03-{day:02}")


@dataclass
class QuickWorld(World):
    """Asks a tenth of the gate's items, and hashes each artefact once: what is published never changes."""

    items: GateItems = ITEMS
    known: dict[Path, int] = field(default_factory=dict)

    def _depth(self, artefact: Path) -> int:
        if artefact not in self.known:
            self.known[artefact] = super()._depth(artefact)
        return self.known[artefact]


def three_nights(root: Path, *, with_secret: bool) -> World:
    """A first night of six documents, a second with the secret among its own, and a third."""
    root.mkdir(exist_ok=True)
    world = QuickWorld(root).write_journal()
    world.index()
    assert world.night().state is RunState.PROMOTED
    later_day(world, 3, ["rope-store", "crane-check", "fog-horn", "pilot-boat"])
    if with_secret:
        write(world.journal, "0902-vault-door", page("vault door procedure of pier nine", SECRET), "2026-03-03")
    world.index()
    assert world.night(DAY + timedelta(days=1)).state is RunState.PROMOTED
    later_day(world, 4, ["tar-barrel", "light-ship", "anchor-chain", "ballast-plan"])
    world.index()
    assert world.night(DAY + timedelta(days=2)).state is RunState.PROMOTED
    return world


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three nights, lived once for all tests; each works on a copy."""
    return three_nights(tmp_path_factory.mktemp("lived"), with_secret=True)


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same three nights without the document."""
    return three_nights(tmp_path_factory.mktemp("never"), with_secret=False)


@pytest.fixture
def world(lived: World, tmp_path: Path) -> World:
    return copied(lived, tmp_path / "home of its own")


@pytest.fixture(scope="module")
def forgotten(lived: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Forgotten]:
    """A copy in which the document was forgotten and two nights replayed, for tests that only look."""
    made = copied(lived, tmp_path_factory.mktemp("forgotten") / "home")
    return made, forget(parts(made), ForgetRequest((NAME,)))


def copied(lived: World, root: Path) -> World:
    shutil.copytree(lived.root, root)
    made = QuickWorld(root, store=_copied(lived.store), depths=dict(lived.depths))
    made.clock.at = lived.clock.at
    return made


def _copied(store: VectorStore) -> KeptStore:
    made = KeptStore()
    assert isinstance(store, KeptStore)
    made._collections = copy.deepcopy(store._collections)
    return made


def lineage(world: World) -> list[AdapterVersion]:
    with world.database.read() as connection:
        return [one.version for one in adapters.lineage(connection, adapters.read_pointer(connection).production)]


def holding(world: World, *needles: str) -> list[str]:
    """Files of the home with any of these bytes in them."""
    sought = [needle.encode() for needle in needles]
    files = [path for path in world.home.root.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(one in path.read_bytes() for one in sought)]


def test_a_forgotten_document_is_nowhere_in_the_home(lived: World, forgotten: tuple[World, Forgotten]) -> None:
    world, _ = forgotten
    assert holding(lived, "zanzibarquux", NAME)
    assert holding(world, "zanzibarquux", "vault-door", NAME, "vault door procedure") == []
    check_invariants(world)


def test_later_nights_are_replayed_to_the_bytes_of_a_home_that_never_had_it(
    lived: World, forgotten: tuple[World, Forgotten], never: World
) -> None:
    world, done = forgotten
    before = lineage(lived)
    assert lineage(world) == lineage(never) != before
    assert done.wiped.target == before[-2]
    assert set(done.wiped.adapters) == set(before[:2])
    assert [night.state for night in done.replayed] == [RunState.PROMOTED, RunState.PROMOTED]
    for version in lineage(world)[:-1]:
        ours, theirs = (home.adapter(version) / "adapter_model.safetensors" for home in (world.home, never.home))
        assert ours.read_bytes() == theirs.read_bytes()
    assert states(world) == {DocumentState.HISTORICAL: 14, DocumentState.FORGOTTEN: 1}


def test_people_are_told_once_and_by_no_name(forgotten: tuple[World, Forgotten]) -> None:
    world, done = forgotten
    (alert,) = [one for one in told_alerts(world) if one.event is AlertEvent.FORGOTTEN]
    assert alert.facts == {"request": done.run, "documents": "1", "serving": lineage(world)[0]}


def test_older_alerts_lose_its_name_as_they_told_it(world: World) -> None:
    odd = f"2026-03-05/{'very-long-' * 12}<vault>.pdca.md"
    write(world.journal, "0800-odd", page("odd vault", f"Another page. {SECRET}"), "2026-03-05").rename(
        world.journal / odd
    )
    world.index()
    with world.database.begin() as connection:
        alerts.put(connection, tidings.documents_quarantined([NAME, odd, "b.pdca.md"], ["1", "2", "3"], world.clock()))
    forget(parts(world), ForgetRequest((NAME, odd), replay=Replay.NEVER))
    (alert,) = [one for one in told_alerts(world) if one.event is AlertEvent.QUARANTINED]
    assert alert.facts["documents"] == "…, …, b.pdca.md"


def told_alerts(world: World) -> list[Alert]:
    with world.database.read() as connection:
        return [row.alert for row, _ in alerts.listed(connection, 99)]


def test_removed_adapters_and_their_backups_are_gone(world: World) -> None:
    done = forget(parts(world), ForgetRequest((NAME,), replay=Replay.NEVER))
    assert not any((world.home.adapter(version)).exists() for version in done.wiped.adapters)
    assert not any((world.home.backups / version).exists() for version in done.wiped.adapters)
    assert done.serving == done.wiped.target
    assert states(world) == {DocumentState.HISTORICAL: 6, DocumentState.BUFFERED: 8, DocumentState.FORGOTTEN: 1}
    check_invariants(world)
    assert world.night(DAY + timedelta(days=3)).documents == 8
    check_invariants(world)


def talk(world: World) -> list[ResponseId]:
    """Queries that used it, that repeat it, that are commented with it, and one that has nothing to do with it."""
    at = world.clock()
    rows = [
        asked(0, at_utc=at, sources=(source(NAME), source("other.md")), query="what of the pier?", answer="It opens."),
        asked(1, at_utc=at, query=f"Is this right: {SECRET}", answer="So it is written."),
        asked(2, at_utc=at, query="and the other vault?", answer="I do not know."),
        asked(3, at_utc=at, query="what of the queue limit?", answer="It is 64."),
    ]
    with world.database.begin() as connection:
        interactions.add(connection, rows)
        document_uses.add(connection, rows)
        feedback.put(connection, Feedback(rows[2].response, "ada", at, Thumb.DOWN, f"see {NAME}"))
        feedback.put(connection, Feedback(rows[3].response, "ada", at, Thumb.UP, "just so"))
    return [row.response for row in rows]


def test_queries_that_used_or_repeat_it_lose_their_text_and_others_keep_theirs(world: World) -> None:
    used, repeats, commented, other = talk(world)
    spilled = world.home.logs / "query-log.jsonl"
    spilled.write_text(
        json.dumps({"query": f"so\n{SECRET}"}) + "\n" + json.dumps({"query": "what of the tide?"}) + "\n"
    )
    done = forget(parts(world), ForgetRequest((NAME,), replay=Replay.NEVER))
    with world.database.read() as connection:
        rows = {one: interactions.get(connection, one) for one in (used, repeats, commented, other)}
        said = feedback.of_responses(connection, [commented, other])
        ranking = document_uses.ranking(connection, DAY, DAY + timedelta(days=9), 9)
    assert all(row is not None for row in rows.values()), "the figures of a query stay"
    assert [row.query for row in rows.values() if row] == ["", "", "", "what of the queue limit?"]
    assert [one.document for one in rows[used].sources] == ["other.md"]  # type: ignore[union-attr] # asserted above
    assert said[commented][0].comment == ""
    assert said[other][0].comment == "just so"
    assert NAME not in {one.document for one in ranking}
    assert (done.wiped.queries, done.cleared.log_lines >= 1) == (3, True)
    assert "what of the tide?" in spilled.read_text()
    assert holding(world, "zanzibarquux", NAME) == []


def test_a_query_that_comes_while_it_is_forgotten_is_swept(world: World) -> None:
    def ask(point: str) -> None:
        if point == "forget.wipe.committed":
            talk(world)

    done = forget(parts(world, ask), ForgetRequest((NAME,), replay=Replay.NEVER))
    assert (done.wiped.queries, done.swept) == (0, 3)
    assert holding(world, "zanzibarquux", NAME) == []


POINTS = (
    *(
        f"forget.{step}.{at}"
        for step in ("wipe", "serve", "embed", "clear", "sweep", "compact")
        for at in ("done", "committing", "committed")
    ),
    "train.done",
    "promote.committed",
    *(f"forget.night-0.{at}" for at in ("done", "committing", "committed")),
    "forget.report.committing",
)
"""In the order in which they are reached: each call is killed one point after the one before it."""


def test_killed_at_one_point_after_another_it_goes_on_where_it_was(world: World, never: World) -> None:
    points = list(POINTS)

    def kill(reached: str) -> None:
        if points and reached == points[0]:
            raise Killed(points.pop(0))

    with pytest.raises(Killed):
        forget(parts(world, kill), ForgetRequest((NAME,)))
    while points:
        before = len(points)
        with pytest.raises(Killed):
            resume(parts(world, kill))
        assert len(points) < before, f"{points[0]} was not reached"
        with world.database.read() as connection:
            assert documents.contradictions(connection) == []
            shown = documents.present(connection, DocumentId(NAME)) is not None
            serves = [one.version for one in adapters.lineage(connection, adapters.read_pointer(connection).production)]
        assert not shown or "forget.wipe.committed" in points
        assert all(version == BASE or world.home.adapter(version).is_dir() for version in serves)
    done = resume(parts(world))
    assert done is None or done.pending == 0
    assert holding(world, "zanzibarquux", NAME) == []
    check_invariants(world)
    assert lineage(world) == lineage(never)


def test_a_dry_run_names_all_and_changes_nothing(world: World) -> None:
    before = {path: path.read_bytes() for path in world.home.root.rglob("*") if path.is_file()}
    found = rehearse(parts(world), ForgetRequest(("2026-03-03-UTC-0902-vault-door.pdca.md",)))
    assert found.documents == (NAME,)
    assert (found.production, found.target) == (lineage(world)[0], lineage(world)[2])
    assert len(found.adapters) == len(found.nights) == len(found.runs) == 2
    assert [count for _, _, count in found.nights] == [4, 4]
    assert found.seconds > 0
    assert any(name.endswith(found.nights[1][0]) for name in found.backups)
    after = {path: path.read_bytes() for path in world.home.root.rglob("*") if path.is_file()}
    assert {path for path in before if after.get(path) != before[path]} <= {world.home.ledger}


def test_put_off_nights_are_lived_through_again_in_their_order_on_what_they_had(world: World) -> None:
    nights: list[tuple[date, Versions]] = []

    def replay(day: date, versions: Versions) -> Replayed:
        nights.append((day, versions))
        return Replayed(RunId(f"night-{day}-2"), RunState.PROMOTED, BASE, "")

    done = forget(parts(world, replay=replay), ForgetRequest((NAME,), replay=Replay.LATER))
    assert (done.pending, done.serving, nights) == (2, done.wiped.target, [])
    assert holding(world, "zanzibarquux", NAME) == []
    check_invariants(world)
    assert resume(parts(world, replay=replay)) is not None
    assert [(day, len(versions)) for day, versions in nights] == [
        (DAY + timedelta(days=1), 4),
        (DAY + timedelta(days=2), 8),
    ]
    assert resume(parts(world)) is None


def test_a_second_document_takes_over_the_nights_of_the_first(world: World) -> None:
    forget(parts(world), ForgetRequest((NAME,), replay=Replay.LATER))
    second = DocumentId("2026-03-02/2026-03-02-UTC-0900-queue-limit.pdca.md")
    done = forget(parts(world), ForgetRequest((second,), replay=Replay.LATER))
    assert (done.wiped.target, done.pending) == (BASE, 3)
    assert states(world) == {DocumentState.BUFFERED: 13, DocumentState.FORGOTTEN: 2}
    assert holding(world, NAME, second) == []
    check_invariants(world)


def test_a_document_that_no_night_had_leaves_the_adapters_alone(world: World) -> None:
    write(world.journal, "0901-vault-door", page("vault door", f"Another page. {SECRET}"), "2026-03-05")
    world.index()
    before = lineage(world)
    done = forget(parts(world), ForgetRequest(("2026-03-05/2026-03-05-UTC-0901-vault-door.pdca.md",)))
    assert lineage(world) == before
    assert (done.wiped.adapters, done.replayed) == ((), ())


def test_what_is_forgotten_does_not_come_back_by_name_or_by_content_until_it_is_allowed(world: World) -> None:
    forget(parts(world), ForgetRequest((NAME,), replay=Replay.NEVER))
    (world.journal / NAME).rename(world.journal / "2026-03-03" / "2026-03-03-UTC-0959-innocent.pdca.md")
    write(world.journal, "0902-vault-door", page("vault door", "An edited page of other words."), "2026-03-03")
    summary = world.index()
    assert [one.reason for one in summary.rejected] == [RejectionReason.FORGOTTEN] * 2
    assert "--allow-again" in summary.rejected[0].detail
    assert holding(world, "zanzibarquux", NAME) == []
    with pytest.raises(UsageError, match="was not forgotten"):
        allow_again(parts(world), ("never-heard-of.md",))
    assert allow_again(parts(world), (NAME,)) == 1
    assert world.index().rejected == ()


def test_every_version_of_an_edited_document_goes(world: World) -> None:
    write(
        world.journal, "0902-vault-door", page("vault door", "It opens with xylophonquux since Monday."), "2026-03-03"
    )
    world.index()
    assert holding(world, "xylophonquux")
    done = forget(parts(world), ForgetRequest((NAME,), replay=Replay.NEVER))
    assert done.wiped.versions == 2
    assert holding(world, "zanzibarquux", "xylophonquux", NAME) == []


def test_names_must_mean_one_document(world: World) -> None:
    for name, said in (("2026-03-0*", "pattern"), ("nothing.md", "no document"), ("*", "pattern")):
        with pytest.raises(UsageError, match=said):
            forget(parts(world), ForgetRequest((name,)))
    assert not pending(parts(world))
    forget(parts(world), ForgetRequest((NAME,), replay=Replay.NEVER))
    with pytest.raises(UsageError, match="was forgotten on"):
        forget(parts(world), ForgetRequest((NAME,)))


def test_an_open_night_is_given_up_and_its_documents_wait(world: World) -> None:
    later_day(world, 5, ["gang-way", "bilge-pump", "mooring-line", "harbour-chart"])
    world.index()

    def kill(reached: str) -> None:
        if reached == "train.done":
            raise Killed(reached)

    with pytest.raises(Killed):
        world.night(DAY + timedelta(days=3), reached=kill)
    done = forget(parts(world), ForgetRequest((NAME,), replay=Replay.NEVER))
    assert done.wiped.given_up is not None
    assert states(world)[DocumentState.BUFFERED] == 12
    assert world.night(DAY + timedelta(days=3)).state is RunState.PROMOTED
    check_invariants(world)


def test_golden_and_a_branch_that_was_left_behind_go_too(world: World) -> None:
    newest, second, first, _ = lineage(world)
    with world.database.begin() as connection:
        connection.execute(update(adapters.pointer).values(golden=second))
    roll_back(world.rollback_parts(), first)
    done = forget(parts(world), ForgetRequest((NAME,)))
    with world.database.read() as connection:
        pointer = adapters.read_pointer(connection)
        held = {one.version: one.state for one in adapters.every(connection)}
    assert (pointer.production, pointer.golden, pointer.previous) == (first, first, None)
    assert held[newest] is held[second] is AdapterState.REMOVED
    assert (set(done.wiped.adapters), done.replayed) == ({newest, second}, ())
    check_invariants(world)


def test_a_library_that_is_open_shows_it_no_more(world: World) -> None:
    library = Library(LibraryParts(world.database, lambda: world.store, ScriptedEmbedder, MemoryWords))
    assert "zanzibarquux" in library.show(DocumentId(NAME))
    forget(parts(world), ForgetRequest((NAME,), replay=Replay.NEVER))
    assert library.show(DocumentId(NAME)) == ""
    assert library.refresh()
    found = library.look_up("which word opens the vault of pier nine?", RouteDecision(Route.HISTORY, "a test"))
    assert NAME not in {one.document for one in found.passages}
    library.close()


def test_many_documents_are_forgotten_at_once(world: World) -> None:
    many = [one.id for one in _present(world)]
    done = forget(parts(world), ForgetRequest(tuple(many), replay=Replay.NEVER))
    assert (done.wiped.documents, done.wiped.target) == (15, BASE)
    assert states(world) == {DocumentState.FORGOTTEN: 15}
    assert holding(world, *many) == []


def _present(world: World) -> list[documents.DocumentRow]:
    with world.database.read() as connection:
        return documents.in_state(connection, DocumentState.HISTORICAL)
