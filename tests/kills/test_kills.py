"""Every commit point of every flow, and instants between: a process dies there by SIGKILL, and all is well again."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.kills.jobs import Kill
from tests.kills.points import KILLS, STORIES
from tests.kills.rounds import Ground, Round

Rounds = dict[tuple[str, Kill], "Future[Round]"]

CHANGES = {"night": 10, "index": 3, "rollback": 3, "doctor": 3}
"""Of how many changes of files and of the ledger, spread over a story, a process is killed just before."""
INSTANTS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Of a night's duration, as measured where nothing is killed."""


@pytest.fixture(scope="module")
def rounds(ground: Ground, request: pytest.FixtureRequest) -> Iterator[Rounds]:
    """The kills at commit points that are to be tested in this session, all started at once."""
    asked = [
        (str(item.callspec.params["story"]), Kill(str(item.callspec.params["point"])))
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == at_a_commit_point.__name__
    ]
    started = ground.all_at_once(asked)
    yield started
    for one in started.values():
        one.cancel()


@pytest.mark.parametrize("story", STORIES)
def test_every_commit_point_that_is_reached_is_in_the_list(ground: Ground, story: str) -> None:
    reached = ground.prepared(story).outcome.points
    assert tuple(dict.fromkeys(reached)) == STORIES[story].points


@pytest.mark.parametrize(("story", "point"), KILLS)
def test_killed_at_a_commit_point_running_again_makes_all_well(rounds: Rounds, story: str, point: str) -> None:
    came_of_it = rounds[story, Kill(point)].result(timeout=120)
    assert came_of_it.killed
    assert came_of_it.breaches == ()


at_a_commit_point = test_killed_at_a_commit_point_running_again_makes_all_well


@pytest.mark.parametrize("story", STORIES)
def test_killed_at_every_point_one_after_the_other_on_postgresql(postgres_ground: Ground, story: str) -> None:
    """Each resumed run is killed again, at its next point: nothing of a transaction is ever there in part."""
    came_of_it = postgres_ground.kill(story, *(Kill(point) for point in STORIES[story].points))
    assert came_of_it.killed, f"not killed at {STORIES[story].points[len(came_of_it.calls) - 1]}"
    assert came_of_it.breaches == ()


@pytest.mark.parametrize(
    ("story", "share"), [(name, at / count) for name, count in CHANGES.items() for at in range(count)]
)
def test_killed_before_a_change_between_the_points(ground: Ground, story: str, share: float) -> None:
    changes = ground.prepared(story).outcome.changes
    came_of_it = ground.kill(story, Kill(change=1 + round(share * (changes - 1))))
    assert came_of_it.killed
    assert came_of_it.breaches == ()


@pytest.mark.parametrize("share", INSTANTS)
def test_killed_at_some_instant_from_outside(ground: Ground, share: float) -> None:
    """Where that falls depends on the machine; on a quick one the night may have ended."""
    came_of_it = ground.kill("night", Kill(after_s=share * ground.prepared("night").outcome.seconds))
    assert came_of_it.breaches == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Kill("train.done"), Kill("train.done")),
        (Kill("promote.done"), Kill("promote.committing")),
        (Kill("promote.committed"), Kill("settle.vectors.written")),
        (Kill("settle.vectors.removed"), Kill("settle.vectors.committing")),
        (Kill(change=40), Kill(change=30)),
    ],
    ids=str,
)
def test_the_resumed_run_is_killed_as_well(ground: Ground, first: Kill, second: Kill) -> None:
    came_of_it = ground.kill("night", first, second)
    assert came_of_it.killed
    assert came_of_it.breaches == ()
