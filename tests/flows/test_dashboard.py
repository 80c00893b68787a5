"""What the pages read: real nights over fakes, how far one is, the lineage as it is drawn."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import DAY, World, forgets
from tests.flows.lineages import promoted
from tests.flows.pages import page, write
from tests.flows.test_night import Killed
from tests.flows.test_quarantine import SPEAKS
from web4_agent.domain.adapters import AdapterState
from web4_agent.domain.errors import UsageError
from web4_agent.domain.ids import BASE, AdapterVersion, RunId
from web4_agent.domain.progress import Unwatched
from web4_agent.domain.runs import RunState
from web4_agent.domain.verdicts import Decision
from web4_agent.flows.dashboard import (
    DashboardParts,
    learning_curve,
    list_adapters,
    list_nights,
    page_number,
    preview_rollback,
    running_night,
    show_adapter,
    show_night,
)
from web4_agent.flows.dashboard.lineage import Edge, ancestors, draw
from web4_agent.flows.dashboard.told import CanaryTold
from web4_agent.flows.night import NightReport
from web4_agent.flows.quarantine import QuarantineParts, reject, waiting, waiting_page
from web4_agent.flows.rollback import roll_back
from web4_agent.pipeline.progress_file import EVERY_S, Progress, ToldProgress, read_progress
from web4_agent.records import runs
from web4_agent.records.adapter_lists import AdapterLine
from web4_agent.steps.judging.measure import load_gate_items
from web4_agent.storage.payload import from_json

RUN = RunId("night-2026-03-02-1")
ITEMS = load_gate_items(per_stratum=5)
"""A tenth of the gate's: what is read here are its words, not its judgement."""


def new_world(root: Path) -> World:
    made = World(root, items=ITEMS).write_journal()
    made.index()
    return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> World:
    """After one promoted night. Whoever changes something changes it back."""
    made = new_world(tmp_path_factory.mktemp("lived"))
    assert made.night().state is RunState.PROMOTED
    return made


def change(world: World, statement: str) -> None:
    with world.database.begin() as connection:
        connection.exec_driver_sql(statement)


def parts(world: World) -> DashboardParts:
    return DashboardParts(world.database, world.home, world.clock, texts_kept=True)


def test_a_promoted_night_is_told_with_its_gain_its_canaries_and_why(lived: World) -> None:
    (line,) = list_nights(parts(lived), 1).rows
    report = from_json(NightReport, (lived.home.run(line.run) / "report.json").read_text())
    assert (line.run, line.state, line.decision) == (report.run, RunState.PROMOTED, Decision.PROMOTE)
    assert (line.documents, line.sample_count, line.canaries_asked) == (6, sum(report.samples.values()), 20)
    assert line.gain is not None
    assert line.gain.after < line.gain.before
    assert line.reasons[0].startswith("Gain on tonight's held-out texts")
    whole = show_night(parts(lived), report.run)
    assert whole.report is not None
    assert {one.answer_before for one in whole.report.canaries} == {one.answer for one in report.canaries}
    assert whole.report.canaries[0].answer_before
    assert [step.name for step in whole.times][:2] == ["collect", "backup"]
    (point,) = learning_curve(parts(lived))
    assert (point.before, point.after) == (line.gain.before, line.gain.after)


@pytest.mark.parametrize(("lost", "count"), [("false", 0), ("true", 1)])
def test_the_list_counts_canaries_lost_as_the_gate_does(world: World, lost: str, count: int) -> None:
    """One that passed before and no more does is lost only with half of its wordings."""
    assert world.night().state is RunState.PROMOTED
    told = ", ".join(
        f"'$.canaries[0].{key}', json('{value}')"
        for key, value in {"before": "true", "after": "false", "lost": lost}.items()
    )
    change(world, f"UPDATE steps SET payload = json_set(payload, {told}) WHERE name = 'report'")
    (line,) = list_nights(parts(world), 1).rows
    assert line.lost == count


def test_a_rejected_night_says_what_failed(world: World) -> None:
    world.effect = forgets
    assert world.night().state is RunState.REJECTED
    (line,) = list_nights(parts(world), 1).rows
    assert line.decision is Decision.REJECT
    assert line.reasons
    assert all("Gain" not in reason for reason in line.reasons)


def test_the_curve_reads_a_report_once_and_forgets_what_was_erased(lived: World) -> None:
    read = parts(lived)
    first = learning_curve(read)
    assert len(first) == 1
    change(lived, "UPDATE steps SET payload = 'x' || payload WHERE name = 'report'")
    assert learning_curve(read) == first
    change(lived, "UPDATE steps SET name = 'erased' WHERE name = 'report'")
    assert learning_curve(read) == ()
    (line,) = list_nights(read, 1).rows
    assert line.reasons == ("It ended without a report.",)
    change(lived, "UPDATE steps SET name = 'report', payload = substr(payload, 2) WHERE name = 'erased'")
    assert learning_curve(read) == first


def test_a_night_says_how_far_it_is_and_leaves_nothing_of_that_behind(world: World) -> None:
    seen = []

    def reached(point: str) -> None:
        if point == "train.done":
            seen.append(running_night(parts(world)))
        if point == "measure.done":
            raise Killed

    with pytest.raises(Killed):
        world.night(reached=reached)
    (night,) = seen
    assert night is not None
    assert (night.step, night.day) == ("train", DAY)
    assert night.holder is not None
    assert [one.name for one in night.done] == ["collect", "backup", "prepare"]
    cut_off = running_night(parts(world))
    assert cut_off is not None
    assert (cut_off.holder, cut_off.step) == (None, "measure")
    assert world.night().state is RunState.PROMOTED
    assert running_night(parts(world)) is None
    assert not list(world.home.root.rglob("*.progress"))


def test_time_left_is_the_step_s_own_and_of_the_later_ones_what_they_took_before(lived: World) -> None:
    (first,) = list_nights(parts(lived), 1).rows
    times = show_night(parts(lived), first.run).times
    with lived.database.begin() as connection:
        run = runs.start(connection, "night", DAY + timedelta(days=1), lived.clock())
    told = ToldProgress(Unwatched(), lived.home.night_progress, run.id, last="report")
    told.advanced("train", 5, 20, 90.0)
    night = running_night(parts(lived))
    assert night is not None
    assert night.like == first.run
    later = sum(one.seconds for one in times if one.name not in {"collect", "backup", "prepare", "train"})
    assert night.left_s == pytest.approx(90 + later, abs=2)
    told.started("report")
    change(lived, f"DELETE FROM runs WHERE id = '{run.id}'")


def test_progress_is_written_now_and_then_and_never_stops_the_work(tmp_path: Path) -> None:
    heard = []

    class Heard(Unwatched):
        def advanced(self, step: str, done: int, total: int, left_s: float | None = None, note: str = "") -> None:
            heard.append(done)

    file = tmp_path / "night.progress"
    told = ToldProgress(Heard(), file, RUN, last="report")
    told.started("train")
    for done in range(1, 50):
        told.advanced("train", done, 50, 10.0, "loss 2.1")
    assert len(heard) == 49
    found = read_progress(file, RUN)
    assert found is not None
    assert found.progress == Progress(RUN, "train"), f"within {EVERY_S} s there is one write"
    told._written_s -= EVERY_S
    told.advanced("train", 50, 50, 0.0)
    assert json.loads(file.read_text())["done"] == 50
    told.started("report")
    assert read_progress(file, RUN) is None
    assert list(tmp_path.iterdir()) == []
    ToldProgress(Heard(), tmp_path / "not there" / "night.progress", RUN, last="report").started("train")
    assert list(tmp_path.iterdir()) == [], "a folder that is made here would not outlive a power cut"
    told.started("train")
    assert read_progress(file, RunId("night-2026-03-03-1")) is None
    file.write_text("{")
    assert read_progress(file, RUN) is None


def test_adapters_are_listed_with_what_a_rollback_would_do(tmp_path: Path) -> None:
    world = World(tmp_path)
    first, second = promoted(world, 1, pages=3), promoted(world, 2, pages=2)
    found = list_adapters(parts(world), 1)
    assert [one.line.version for one in found.adapters.rows] == [second, first, BASE]
    assert [one.documents for one in found.adapters.rows] == [2, 3, 0]
    assert [one.may_serve for one in found.adapters.rows] == [False, True, True]
    taught = show_adapter(parts(world), second, 1).taught
    assert sorted(one.title for one in taught.rows) == ["matter 2 0", "matter 2 1"]
    preview = preview_rollback(parts(world), BASE)
    assert (preview.set_apart, preview.left) == (5, (second, first))
    done = roll_back(world.rollback_parts(), AdapterVersion(BASE))
    assert done.quarantined == preview.set_apart
    for version in (BASE, "a-unheard-of"):
        with pytest.raises(UsageError):
            preview_rollback(parts(world), version)


def line(version: str, parent: str | None, at: int, state: AdapterState = AdapterState.PROMOTED) -> AdapterLine:
    moment = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=at)
    return AdapterLine(AdapterVersion(version), AdapterVersion(parent) if parent else None, state, None, 1.0, moment)


LINES = [
    line("e", "b", 5),
    line("d", "c", 4),
    line("r", "c", 4, AdapterState.REJECTED),
    line("c", "b", 3),
    line("b", "base", 1),
    line("base", None, 0),
]
"""`c` and `d` were left for `e`, which goes on from `b`; `r` was rejected."""


def test_the_lineage_that_serves_is_straight_and_what_was_left_beside_it() -> None:
    assert ancestors(LINES, AdapterVersion("e")) == ["e", "b", "base"]
    drawn = draw(LINES, AdapterVersion("e"), 0, 10)
    assert {node.line.version: node.lane for node in drawn.nodes} == {"e": 0, "d": 2, "r": 1, "c": 2, "b": 0, "base": 0}
    assert Edge(0, 0, 4, 0) in drawn.edges
    assert Edge(3, 2, 4, 0) in drawn.edges
    assert drawn.lanes == 3


def test_a_slice_of_it_shows_what_goes_on_above_and_below() -> None:
    drawn = draw(LINES, AdapterVersion("e"), 2, 2)
    assert [node.line.version for node in drawn.nodes] == ["r", "c"]
    assert Edge(-1, 0, 2, 0) in drawn.edges, "e to b passes by"
    assert Edge(-1, 2, 1, 2) in drawn.edges, "d, above, hangs on c"
    assert Edge(1, 2, 2, 0) in drawn.edges, "c hangs on b, below"


def test_what_waits_comes_page_by_page_without_what_was_rejected(world: World) -> None:
    for at in range(3):
        write(world.journal, f"150{at}-lantern", page(f"lantern {at}", SPEAKS))
    world.index()
    quarantine = QuarantineParts(world.database, world.clock)
    every = waiting(quarantine)
    first, total = waiting_page(quarantine, 0, 2)
    second, _ = waiting_page(quarantine, 2, 2)
    assert (total, (*first, *second)) == (3, every)
    reject(quarantine, every[0].document, "no")
    assert waiting_page(quarantine, 0, 5) == (every[1:], 2)


@pytest.mark.parametrize(("said", "number"), [("3", 3), ("0", 1), ("-1", 1), ("x", 1), ("²", 1), ("9" * 30, 1)])
def test_the_number_of_a_page_is_a_number(said: str, number: int) -> None:
    assert page_number(said) == number


@pytest.mark.parametrize(
    ("before", "after", "lost", "newly"),
    [
        (True, False, None, True),
        (True, True, None, False),
        (False, False, None, False),
        (True, False, False, False),
        (True, False, True, True),
    ],
    ids=["an old night, passed before", "kept", "never passed", "one wording less", "two wordings less"],
)
def test_a_canary_newly_fails_as_the_gate_counts_it(before: bool, after: bool, lost: bool | None, newly: bool) -> None:
    assert CanaryTold("a", "t", before, after, "said", lost=lost).newly_failing is newly
