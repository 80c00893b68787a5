"""A process that stays: wakes in time, also from a suspended machine and under a clock that is set; stops at once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from tests.flows.timetable.fakes import EVENING, House, local
from web4_agent.domain.errors import DatabaseError
from web4_agent.domain.jobs import JobName, JobState
from web4_agent.flows.timetable import each_minute, keep, overview
from web4_agent.flows.timetable.keeping import LONGEST, PIECE_S
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive


@dataclass
class Sleeper:
    """Stands for the event that stops a thread: waiting moves the house's clock. `jumps`: what else happens to it at
    the n-th wait, as when the machine is suspended or the clock is set. `most` waits, then it stops."""

    house: House
    until: datetime
    jumps: dict[int, timedelta] = field(default_factory=dict)
    most: int = 10_000
    waits: list[float] = field(default_factory=list)

    def is_set(self) -> bool:
        return self.house.at >= self.until or len(self.waits) >= self.most

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        self.house.at += timedelta(seconds=timeout) + self.jumps.get(len(self.waits), timedelta())
        return self.is_set()


def keep_until(house: House, until: datetime, jumps: dict[int, timedelta] | None = None, most: int = 10_000) -> Sleeper:
    house.stop = Sleeper(house, until, jumps or {}, most)  # type: ignore[assignment] # the two methods that are used
    keep(house.parts)
    return house.stop  # type: ignore[return-value] # as above


def test_a_night_begins_at_its_minute_and_the_ledger_is_not_asked_each_second(
    tmp_path: Path, database: Database
) -> None:
    house = House(tmp_path, database, at=local(10, 20, 1), set_jobs=(EVENING,))
    kept = keep_until(house, local(10, 23))
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    assert row.started_utc is not None
    assert row.started_utc - local(10, 22) < timedelta(seconds=2)
    assert max(kept.waits) == PIECE_S
    assert len(house.lines) == 2


def test_a_machine_that_wakes_runs_what_is_due_within_seconds(tmp_path: Path, database: Database) -> None:
    house = House(tmp_path, database, at=local(10, 20), set_jobs=(EVENING,))
    keep_until(house, local(11, 5), {3: timedelta(hours=8)})
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    assert row.started_utc is not None
    assert row.started_utc - local(11, 4) < timedelta(minutes=2)


def test_a_clock_that_is_set_back_does_not_keep_the_night_waiting(tmp_path: Path, database: Database) -> None:
    house = House(tmp_path, database, at=local(12, 20), set_jobs=(EVENING,))
    keep_until(house, local(13, 12), {2: -timedelta(days=2)}, most=600)  # to the 10th, 20:00, and three hours on
    assert state_of(house, 10) is JobState.DONE
    assert house.names == ["evening"]


def state_of(house: House, day: int) -> JobState | None:
    row = house.row(JobName.EVENING, day)
    return row.state if row else None


def test_an_error_of_the_ledger_is_told_and_tried_again(tmp_path: Path, database: Database) -> None:
    house = House(tmp_path, database, at=local(10, 21, 59), set_jobs=(EVENING,))
    faults = iter([DatabaseError("the database is locked")])

    def reached(point: str) -> None:
        fault = next(faults, None)
        if fault is not None:
            raise fault

    house.reached = reached
    keep_until(house, local(10, 22, 10))
    assert "the timetable could not be looked at: the database is locked" in house.lines
    assert state_of(house, 10) is JobState.DONE


def test_while_a_timer_is_at_it_this_process_waits(tmp_path: Path, database: Database) -> None:
    house = House(tmp_path, database, at=local(10, 22), set_jobs=(EVENING,))
    with exclusive(house.home.schedule_lock, doing="the timetable"):
        keep_until(house, local(10, 22, 30))
    assert house.calls == []
    keep_until(house, house.at + LONGEST)
    assert house.names == ["evening"]


def test_alerts_are_delivered_each_minute_whatever_becomes_of_one(tmp_path: Path, database: Database) -> None:
    house = House(tmp_path, database)
    delivered: list[datetime] = []

    def deliver() -> None:
        delivered.append(house.at)
        if len(delivered) == 2:
            raise DatabaseError("the database is locked")

    each_minute(Sleeper(house, house.at + timedelta(minutes=4)), deliver)
    assert len(delivered) == 3


def test_the_overview_says_when_each_job_is_next_and_how_it_went(tmp_path: Path, database: Database) -> None:
    house = House(tmp_path, database, at=local(10, 20))
    assert overview(house.parts).looked_utc is None
    house.look()
    house.codes["evening"] = [6]
    house.look(local(11, 5))
    found = overview(house.parts)
    index, evening, morning = found.jobs
    assert (found.zone, found.looked_utc) == ("Europe/Berlin", house.at)
    assert (index.job, index.next_local, index.late_s) == (JobName.INDEX, local(11, 21), 8 * 3600)
    assert evening.last is not None
    assert (evening.last.state, evening.last.detail) == (JobState.FAILED, "there is no room")
    assert (morning.next_local, morning.last) == (None, None)
    house.look(local(14, 20))
    assert [one.missed for one in overview(house.parts).jobs] == [3, 3, 0]
