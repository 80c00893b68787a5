"""Probation over fakes: good versions stay, bad ones go back once, whoever looks, whenever the process dies."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import DAY, Clock, World
from tests.flows.interactions import asked
from tests.flows.pages import page, write
from tests.flows.test_night import Killed, states
from tests.kills.invariants import check_invariants
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.domain.alerts import AlertEvent
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import BusyError
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.probation import ProbationPolicy, ProbationState, Sign
from web4_agent.domain.queries import Feedback, Flaw, Interaction, Status, Thumb
from web4_agent.domain.runs import RunState
from web4_agent.flows.probation import ProbationParts, Standing, check, history, look, watch_over
from web4_agent.flows.rollback import Cause, RolledBack, roll_back
from web4_agent.records import adapters, alerts, documents, feedback, interactions
from web4_agent.steps.judging.measure import load_gate_items
from web4_agent.steps.projection import synchronise
from web4_agent.storage.lock import exclusive

BEFORE = 400
EARLIER = datetime(2026, 3, 2, 12, tzinfo=UTC)
ITEMS = load_gate_items(per_stratum=10)
"""A quarter of the gate's items: these tests are of what comes after it."""


@dataclass
class People:
    """Who ask the model of a world; `rolled_back` keeps every rollback that was done."""

    world: World
    numbers: int = 0
    rolled_back: list[RolledBack] = field(default_factory=list)

    @property
    def production(self) -> AdapterVersion:
        with self.world.database.read() as connection:
            return adapters.read_pointer(connection).production

    def ask(self, count: int, **changes: object) -> list[Interaction]:
        rows = []
        for _ in range(count):
            self.numbers += 1
            values = {"at_utc": self.world.clock(), "adapter": self.production, "flaw": Flaw.NONE, "tokens_out": 50}
            rows.append(asked(self.numbers, **(values | changes)))
        with self.world.database.begin() as connection:
            interactions.add(connection, rows)
        return rows

    def parts(self, reached: Callable[[str], None] = lambda point: None, **policy: object) -> ProbationParts:
        def go_back(source: AdapterVersion, target: AdapterVersion, reason: str) -> None:
            self.rolled_back.append(roll_back(self.world.rollback_parts(), target, cause=Cause(source, reason)))

        chosen = replace(ProbationPolicy(), **policy)  # type: ignore[arg-type] # values by name, checked at run time
        return ProbationParts(self.world.database, chosen, self.world.clock, go_back, reached)

    def state(self) -> Standing:
        return look(self.parts())


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A home after its first promotion, to copy: a night takes a hundred times as long as what is tested here."""
    world = World(tmp_path_factory.mktemp("promoted"), items=ITEMS).write_journal()
    world.index()
    assert world.night().state is RunState.PROMOTED
    world.database.close()
    return world


@pytest.fixture
def people(promoted: World, tmp_path: Path) -> People:
    """A version that was just promoted, over a base model that people had asked before."""
    made = unasked(promoted, tmp_path)
    made.ask(BEFORE, at_utc=EARLIER, adapter=BASE)
    return made


def unasked(promoted: World, root: Path) -> People:
    """As `people`, where nobody has asked anything yet."""
    shutil.copytree(promoted.root, root, dirs_exist_ok=True)
    clock = Clock()
    clock.at = promoted.clock.at
    world = World(root, clock=clock, items=ITEMS)
    synchronise(world.database, world.store, ScriptedEmbedder())
    return People(world)


def test_a_promoted_version_is_on_probation_and_the_base_model_is_not(people: People, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert check(People(World(tmp_path / "new")).parts()).probation is None
    found = check(people.parts()).probation
    assert found is not None
    assert (found.state, found.adapter, found.previous) == (ProbationState.RUNNING, people.production, BASE)


def test_a_look_writes_nothing(people: People) -> None:
    assert people.state().probation is not None
    assert history(people.world.database, 5) == []


def test_a_good_version_passes_after_both_time_and_requests(people: People) -> None:
    watch_over(people.parts())
    people.ask(250)
    assert people.state().probation.state is ProbationState.RUNNING  # type: ignore[union-attr] # on probation
    people.world.clock.at += timedelta(hours=25)
    found = watch_over(people.parts()).probation
    assert found is not None
    assert (found.state, found.reason) == (ProbationState.PASSED, "250 requests without an alarm")
    people.ask(50, status=Status.ERROR, flaw=Flaw.ERROR)  # of another day: monitoring's, not probation's
    assert watch_over(people.parts()).probation.state is ProbationState.PASSED  # type: ignore[union-attr] # as above
    assert people.rolled_back == []


def test_time_alone_is_not_enough(people: People) -> None:
    watch_over(people.parts())
    people.ask(20)
    people.world.clock.at += timedelta(days=3)
    assert watch_over(people.parts()).probation.state is ProbationState.RUNNING  # type: ignore[union-attr] # on probation


@pytest.mark.parametrize(
    ("sign", "changes"),
    [
        (Sign.ERROR, {"status": Status.ERROR, "flaw": Flaw.ERROR}),
        (Sign.EMPTY, {"flaw": Flaw.EMPTY}),
        (Sign.LOOPING, {"flaw": Flaw.LOOPING}),
        (Sign.FORMAT, {"flaw": Flaw.FORMAT}),
        (Sign.SLOW, {"latency_ms": 9_000.0}),
    ],
)
def test_each_sign_lets_the_version_before_serve_once(people: People, sign: Sign, changes: dict[str, object]) -> None:
    bad = people.production
    watch_over(people.parts())
    people.ask(20, **changes)
    standing = watch_over(people.parts())
    assert [one.sign for one in standing.findings if one.alarm] == [sign]
    for _ in range(3):
        watch_over(people.parts())
    (done,) = people.rolled_back
    assert (done.source, done.target, done.quarantined) == (bad, BASE, 6)
    (row,) = history(people.world.database, 5)
    assert (row.state, row.adapter) == (ProbationState.ROLLED_BACK, bad)
    assert sign in row.reason
    check_invariants(people.world)


def test_the_documents_say_which_alarm_set_them_apart_and_come_back_when_a_person_goes_forward(people: People) -> None:
    bad = people.production
    people.ask(20, flaw=Flaw.LOOPING)
    watch_over(people.parts())
    with people.world.database.read() as connection:
        rows = documents.in_state(connection, DocumentState.QUARANTINED)
        moved = adapters.moves(connection)[-1]
        told = [row.alert for row in alerts.unaddressed(connection)]
    assert {row.reason[:60] for row in rows} == {"its night was rolled back: probation: looping: 20 of 20, whe"}
    assert "probation: looping: 20 of 20" in moved[3]
    assert AlertEvent.PROBATION_ROLLBACK in {alert.event for alert in told}
    assert roll_back(people.world.rollback_parts(), bad).restored == 6
    assert watch_over(people.parts()).probation.state is ProbationState.ROLLED_BACK  # type: ignore[union-attr] # known
    assert people.production == bad, "a person's word stands"


def test_what_the_model_can_not_cause_is_no_alarm(people: People) -> None:
    people.ask(60, status=Status.ERROR, flaw=Flaw.NONE, error="the model is busy")
    people.ask(60, status=Status.CANCELLED, flaw=Flaw.UNKNOWN)
    standing = watch_over(people.parts())
    assert (standing.requests, people.rolled_back) == (0, [])


def test_a_model_that_always_looped_is_not_blamed_for_it(promoted: World, tmp_path: Path) -> None:
    people = unasked(promoted, tmp_path)
    people.ask(300, at_utc=EARLIER, adapter=BASE)
    people.ask(100, at_utc=EARLIER, adapter=BASE, flaw=Flaw.LOOPING)
    for _ in range(20):
        people.ask(15)
        people.ask(5, flaw=Flaw.LOOPING)
        watch_over(people.parts())
    assert people.rolled_back == []


def test_answers_that_nobody_judged_before_say_nothing_of_what_is_usual(promoted: World, tmp_path: Path) -> None:
    people = unasked(promoted, tmp_path)
    people.ask(BEFORE, at_utc=EARLIER, adapter=BASE, flaw=Flaw.UNKNOWN)
    baseline = people.state().probation.baseline  # type: ignore[union-attr] # on probation
    assert Sign.LOOPING in baseline.assumed
    assert baseline.expected[Sign.LOOPING] == pytest.approx(0.06)


def test_thumbs_warn_and_never_roll_back(people: People) -> None:
    world = people.world

    def judge(rows: list[Interaction], thumb: Thumb, at: datetime) -> None:
        with world.database.begin() as connection:
            for row in rows:
                feedback.put(connection, Feedback(row.response, "ide", at, thumb))

    judge(people.ask(60, at_utc=EARLIER, adapter=BASE), Thumb.UP, EARLIER)
    judge(people.ask(40), Thumb.DOWN, world.clock())
    for _ in range(2):
        standing = watch_over(people.parts())
    assert standing.probation is not None
    assert standing.probation.state is ProbationState.RUNNING
    assert "thumbs down since the promotion: thumbs down: 40 of 40" in standing.probation.warning
    assert people.rolled_back == []
    with world.database.read() as connection:
        told = [row.alert for row in alerts.unaddressed(connection)]
    assert len([alert for alert in told if alert.event is AlertEvent.DRIFT]) == 1


def test_where_the_settings_say_so_an_alarm_is_told_and_nothing_done(people: People) -> None:
    people.ask(20, flaw=Flaw.LOOPING)
    parts = people.parts(rolls_back=False)
    for _ in range(3):
        assert watch_over(parts).alarm is not None
    assert people.rolled_back == []
    with people.world.database.read() as connection:
        told = [row.alert for row in alerts.unaddressed(connection)]
    assert len([alert for alert in told if alert.event is AlertEvent.PROBATION_ROLLBACK]) == 1


def test_a_rollback_that_finds_a_night_running_is_tried_again(people: People) -> None:
    people.ask(20, flaw=Flaw.LOOPING)
    bad = people.production
    with exclusive(people.world.home.night_lock, doing="the evening loop"):
        assert watch_over(people.parts()).alarm is not None
        with pytest.raises(BusyError):
            roll_back(people.world.rollback_parts(), BASE)
    assert people.production == bad
    watch_over(people.parts())
    assert people.production == BASE


def test_a_person_who_was_quicker_is_left_alone(people: People) -> None:
    people.ask(20, flaw=Flaw.LOOPING)
    check(people.parts())
    roll_back(people.world.rollback_parts(), BASE)
    watch_over(people.parts())
    assert people.rolled_back == []
    assert history(people.world.database, 1)[0].state is ProbationState.ROLLED_BACK


def test_two_that_saw_the_same_alarm_roll_back_once(people: People) -> None:
    people.ask(20, flaw=Flaw.LOOPING)
    first = people.parts()
    quicker = people.parts(reached=lambda point: None)

    def late(source: AdapterVersion, target: AdapterVersion, reason: str) -> None:
        watch_over(quicker)
        first.roll_back(source, target, reason)

    watch_over(replace(first, roll_back=late))
    assert len(people.rolled_back) == 1
    with people.world.database.read() as connection:
        assert len(adapters.moves(connection)) == 3  # founded, promoted, rolled back


@pytest.mark.parametrize(
    "point",
    ["probation.check.done", "probation.check.committing", "probation.check.committed", "probation.rolled_back"],
)
def test_killed_at_any_commit_point_the_next_look_finishes_it(people: People, point: str) -> None:
    def kill(reached: str) -> None:
        if reached == point:
            raise Killed(point)

    people.ask(20, flaw=Flaw.LOOPING)
    with pytest.raises(Killed):
        watch_over(people.parts(reached=kill))
    watch_over(people.parts())
    assert len(people.rolled_back) == 1
    assert history(people.world.database, 1)[0].state is ProbationState.ROLLED_BACK
    check_invariants(people.world)


@pytest.mark.parametrize("point", ["rollback.move.committing", "rollback.move.committed", "rollback.converged"])
def test_a_rollback_that_was_killed_half_way_is_ended_by_the_next_look(people: People, point: str) -> None:
    def kill(reached: str) -> None:
        if reached == point:
            raise Killed(point)

    bad = people.production

    def dies(source: AdapterVersion, target: AdapterVersion, reason: str) -> None:
        roll_back(replace(people.world.rollback_parts(), reached=kill), target, cause=Cause(source, reason))

    people.ask(20, flaw=Flaw.LOOPING)
    with pytest.raises(Killed):
        watch_over(replace(people.parts(), roll_back=dies))
    watch_over(people.parts())
    watch_over(people.parts())
    assert [(done.source, done.target) for done in people.rolled_back] == [(bad, BASE)]
    assert history(people.world.database, 1)[0].state is ProbationState.ROLLED_BACK
    check_invariants(people.world)


def test_an_answer_logged_late_is_counted_and_none_twice(people: People) -> None:
    """Rows come into the log when they end, under the time at which they began."""
    watch_over(people.parts())
    begun = people.world.clock()
    people.ask(10)
    watch_over(people.parts())
    people.ask(1, at_utc=begun)
    for _ in range(6):
        people.world.clock.at += timedelta(minutes=50)
        people.ask(3)
        assert watch_over(people.parts()).probation is not None
    assert people.state().requests == 10 + 1 + 18
    assert history(people.world.database, 1)[0].settled[Sign.ERROR].trials > 10


def test_the_next_promotion_ends_the_probation_before_it(people: People) -> None:
    watch_over(people.parts())
    next_promotion(people)
    watch_over(people.parts())
    assert [row.state for row in history(people.world.database, 5)] == [ProbationState.RUNNING, ProbationState.LEFT]


def test_versions_that_answered_too_few_to_be_judged_are_judged_together_and_told(people: People) -> None:
    """Two versions with one flaw in ten: 4 of 40 answers are no alarm, 8 of 80 are. Nobody can say which of them it
    came with, so that a person decides."""
    watch_over(people.parts())
    people.ask(36)
    people.ask(4, flaw=Flaw.LOOPING)
    assert people.state().unjudged is None
    next_promotion(people)
    people.world.clock.at += timedelta(minutes=1)
    people.ask(36)
    people.ask(4, flaw=Flaw.LOOPING)
    for _ in range(2):
        standing = watch_over(people.parts())
    assert (standing.requests, standing.alarm, people.rolled_back) == (40, None, [])
    assert not any(one.alarm for one in standing.findings)
    assert standing.unjudged is not None
    assert (standing.unjudged.versions, standing.unjudged.requests, standing.unjudged.previous) == (2, 80, BASE)
    assert [one.sign for one in standing.unjudged.findings if one.alarm] == [Sign.LOOPING]
    assert standing.probation is not None
    assert standing.probation.warning.startswith("answers of the last 2 versions: looping: 8 of 80")
    with people.world.database.read() as connection:
        told = [row.alert for row in alerts.unaddressed(connection) if row.alert.event is AlertEvent.DRIFT]
    assert [alert.facts["measured"] for alert in told] == ["10%"]


def test_good_versions_in_a_row_say_nothing(people: People) -> None:
    watch_over(people.parts())
    people.ask(40)
    next_promotion(people)
    people.ask(40)
    standing = watch_over(people.parts())
    assert standing.unjudged is not None
    assert standing.unjudged.requests == 80
    assert not any(one.alarm for one in standing.unjudged.findings)
    assert standing.probation is not None
    assert standing.probation.warning == ""


def next_promotion(people: People) -> None:
    for at in range(5):
        text = page(f"later matter {at}", f"Number {at} of a new day: " + " ".join(f"w{at}{n}" for n in range(30)))
        write(people.world.journal, f"09{at:02}-later", text, "2026-03-03")
    people.world.index()
    assert people.world.night(DAY + timedelta(days=1)).state is RunState.PROMOTED


def test_after_a_rollback_the_next_night_does_not_take_the_suspects(people: People) -> None:
    people.ask(20, flaw=Flaw.LOOPING)
    watch_over(people.parts())
    assert states(people.world) == {DocumentState.QUARANTINED: 6}
    assert people.world.night(DAY + timedelta(days=1)).state is RunState.NOTHING_NEW
    assert people.production == BASE
