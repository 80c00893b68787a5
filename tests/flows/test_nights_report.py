"""The nights as rows, over nights that really ran on fakes: promoted, rejected, cut off."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from tests.flows.fakes import DAY, World, forgets
from tests.flows.pages import page, write
from web4_agent.domain.errors import UsageError
from web4_agent.domain.runs import RunState
from web4_agent.domain.verdicts import Decision
from web4_agent.flows.reporting import NightRow, ReportingParts, nights
from web4_agent.steps.judging.measure import load_gate_items


class Cut(Exception):
    """The process dies."""


def _cut(point: str) -> None:
    if point == "train.started":
        raise Cut


def _more(world: World, day: date) -> None:
    for at in range(3):
        words = f"Number {at} of {day} was done. " * 9
        write(world.journal, f"10{at:02}-x", page(f"matter {day.day} {at}", words), day.isoformat())
    world.index()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One night promoted, one rejected, one cut off in training."""
    made = World(tmp_path_factory.mktemp("nights"), items=load_gate_items(per_stratum=10)).write_journal()
    made.index()
    made.night()
    _more(made, DAY + timedelta(days=1))
    made.effect = forgets
    made.night(DAY + timedelta(days=1))
    with pytest.raises(Cut):
        made.night(DAY + timedelta(days=2), reached=_cut)
    yield made
    made.database.close()


@pytest.fixture
def rows(world: World) -> tuple[NightRow, ...]:
    return nights(ReportingParts(world.database, world.clock)).nights


def test_a_row_for_every_night_the_newest_first(rows: tuple[NightRow, ...]) -> None:
    assert [one.state for one in rows] == [RunState.OPEN, RunState.REJECTED, RunState.PROMOTED]
    assert [one.day for one in rows] == [DAY + timedelta(days=2), DAY + timedelta(days=1), DAY]


def test_a_promoted_night_says_what_it_learned_and_what_serves(rows: tuple[NightRow, ...], world: World) -> None:
    night = rows[-1]
    assert (night.documents, night.adapter is not None) == (6, True)
    assert sum(night.samples.values()) > 20
    assert night.tokens > 0
    assert night.seconds > 0
    assert night.gain is not None
    assert night.gain.gained == pytest.approx(night.gain.before - night.gain.after)
    assert night.gain.gained > 0
    assert night.canaries is not None
    assert night.canaries.asked == len(world.items.canaries)
    assert night.verdict is not None
    assert (night.verdict.decision, night.verdict.scale, night.verdict.reasons) == (Decision.PROMOTE, 1.0, ())


def test_a_rejected_night_gives_the_reasons_of_its_last_verdict(rows: tuple[NightRow, ...]) -> None:
    night = rows[1]
    assert night.adapter is None
    assert night.verdict is not None
    assert (night.verdict.decision, night.verdict.scale) == (Decision.REJECT, 0.25)
    assert night.verdict.reasons
    assert night.sentence.startswith("Rejected")


def test_a_night_that_was_cut_off_has_what_it_came_to(rows: tuple[NightRow, ...]) -> None:
    night = rows[0]
    assert (night.gain, night.canaries, night.verdict, night.adapter) == (None, None, None, None)
    assert night.documents > 0
    assert sum(night.samples.values()) > 0


def test_nights_come_page_by_page_and_of_the_last_days(world: World) -> None:
    parts = ReportingParts(world.database, world.clock)
    second = nights(parts, limit=2, page=2)
    assert (second.page, second.pages, second.total, len(second.nights)) == (2, 2, 3, 1)
    later = ReportingParts(world.database, lambda: world.clock() + timedelta(days=2))
    assert [one.day.day for one in nights(later, days=2).nights] == [4, 3]


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 501}, {"page": 0}, {"page": 9}, {"days": 0}])
def test_pages_that_are_not_there_are_refused(world: World, wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="is not between"):
        nights(ReportingParts(world.database, world.clock), **wrong)
