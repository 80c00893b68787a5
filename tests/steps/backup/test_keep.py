"""What may go, over random lineages: nothing that a pointer, a rollback or a trial needs ever does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web4_agent.domain.adapters import Adapter, AdapterState, Pointer
from web4_agent.domain.backups import BackupReason
from web4_agent.domain.ids import BASE, AdapterVersion, RunId
from web4_agent.domain.runs import Run, RunState
from web4_agent.steps.backup import BackupAge, KeepPolicy, may_go, needed, old_candidates, surplus_backups

DAWN = datetime(2026, 3, 1, tzinfo=UTC)


def adapter(number: int, parent: AdapterVersion | None, state: AdapterState) -> Adapter:
    version = BASE if number == 0 else AdapterVersion(f"a-{number:03}")
    return Adapter(version, parent, state, None, None, None, 1.0, DAWN + timedelta(days=number))


@st.composite
def homes(draw: st.DrawFn) -> tuple[list[Adapter], Pointer, set[AdapterVersion]]:
    """A home after up to thirty nights: rejected ones, removed ones, rollbacks to anywhere, a golden of any age."""
    made = [adapter(0, None, AdapterState.PROMOTED)]
    serving = [made[0]]
    for number in range(1, draw(st.integers(1, 30))):
        start = draw(st.sampled_from(serving))
        state = draw(st.sampled_from([AdapterState.PROMOTED] * 4 + [AdapterState.REJECTED, AdapterState.REMOVED]))
        made.append(adapter(number, start.version, state))
        if state is AdapterState.PROMOTED:
            serving.append(made[-1])
    production, golden, previous = (draw(st.sampled_from(serving)).version for _ in range(3))
    trial = draw(st.sets(st.sampled_from([one.version for one in serving]), max_size=2)) - {BASE}
    pointer = Pointer(production, golden, draw(st.sampled_from([None, previous])), DAWN)
    return made, pointer, trial


@settings(deadline=None, max_examples=200)
@given(homes(), st.integers(1, 6))
def test_nothing_needed_ever_goes(home: tuple[list[Adapter], Pointer, set[AdapterVersion]], last: int) -> None:
    made, pointer, trial = home
    kept = needed(made, pointer, last, trial)
    gone = set(may_go(made, kept, (), KeepPolicy(adapters=last)).adapters)
    by_version = {one.version: one for one in made}
    promoted = [one.version for one in made if one.state is AdapterState.PROMOTED]
    assert gone.isdisjoint({pointer.production, pointer.golden, pointer.previous, BASE} | trial)
    assert gone.isdisjoint(promoted[1:][-last:])
    current: AdapterVersion | None = pointer.production
    steps = 0
    while steps < last and current is not None:  # so many rollbacks without a name must find their target's files
        current = by_version[current].parent
        if current is not None and by_version[current].state is AdapterState.PROMOTED:
            assert current not in gone
            steps += 1
    assert gone <= set(promoted)
    assert gone | set(kept) >= set(promoted) - {BASE}


@settings(deadline=None, max_examples=100)
@given(homes(), st.integers(1, 6))
def test_what_is_kept_is_bounded_however_long_the_history(
    home: tuple[list[Adapter], Pointer, set[AdapterVersion]], last: int
) -> None:
    made, pointer, trial = home
    assert len(needed(made, pointer, last, trial)) <= 3 + 2 + 2 * last + 2 * len(trial)


@given(st.lists(st.tuples(st.sampled_from(BackupReason), st.integers(0, 50)), max_size=30), st.integers(1, 6))
def test_the_newest_backups_of_each_reason_stay(made: list[tuple[BackupReason, int]], keep: int) -> None:
    ages = [BackupAge(f"b{at}", reason, DAWN + timedelta(days=days)) for at, (reason, days) in enumerate(made)]
    gone = set(surplus_backups(ages, keep))
    for reason in BackupReason:
        own = [one for one in ages if one.reason is reason]
        stays = [one for one in own if one.name not in gone]
        assert len(stays) == min(keep, len(own))
        assert all(old.made_utc <= new.made_utc for old in own if old.name in gone for new in stays)


@pytest.mark.parametrize(
    ("state", "ended_days_ago", "goes"),
    [(RunState.REJECTED, 15, True), (RunState.REJECTED, 13, False), (RunState.PROMOTED, 99, False)],
)
def test_candidates_of_long_rejected_nights_go(state: RunState, ended_days_ago: int, *, goes: bool) -> None:
    now = DAWN + timedelta(days=200)
    ended = now - timedelta(days=ended_days_ago)
    run = Run(RunId("night-1"), "night", ended.date(), state, ended, ended)
    assert bool(old_candidates([run], now, 14)) is goes


def test_each_reason_to_stay_is_said() -> None:
    made = [adapter(0, None, AdapterState.PROMOTED)]
    for number in range(1, 9):
        made.append(adapter(number, made[-1].version, AdapterState.PROMOTED))
    pointer = Pointer(made[8].version, made[2].version, made[7].version, DAWN)
    assert needed(made, pointer, 2, {made[5].version}) == {
        "a-008": "it serves",
        "a-002": "it is golden",
        "a-007": "it served before",
        "a-005": "it is on probation",
        "a-006": "a rollback may need it",
        "a-001": "a rollback may need it",
        "a-004": "a rollback may need it",
    }
