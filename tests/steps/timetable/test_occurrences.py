"""When jobs are due: each local day once, also where and when clocks jump."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from web4_agent.domain.jobs import JobName
from web4_agent.steps.timetable import Job, next_occurrence, occurrences, window_end

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
NIGHT = Job(JobName.EVENING, time(22), time(6))
ODD = Job(JobName.EVENING, time(2, 30), time(10, 30))


def the_one(job: Job, day: date, zone: ZoneInfo = BERLIN) -> datetime:
    (found,) = occurrences(job, zone, day, day)
    return found.due_utc


def test_a_job_is_due_at_its_local_time_summer_and_winter() -> None:
    assert the_one(NIGHT, date(2026, 7, 1)) == datetime(2026, 7, 1, 20, tzinfo=UTC)
    assert the_one(NIGHT, date(2026, 12, 1)) == datetime(2026, 12, 1, 21, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_comes_an_hour_later_by_the_wall() -> None:
    due = the_one(ODD, SPRING)
    assert due == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert due.astimezone(BERLIN).time() == time(3, 30)


def test_a_time_that_comes_twice_is_taken_the_first_time() -> None:
    assert the_one(ODD, AUTUMN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kathmandu"],
)
@pytest.mark.parametrize("at", [time(0), time(0, 30), time(1, 59), time(2), time(2, 30), time(3), time(22)])
def test_every_day_of_a_year_has_exactly_one_moment_and_each_comes_after_the_one_before(zone: str, at: time) -> None:
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    found = occurrences(Job(JobName.INDEX, at, time(12)), ZoneInfo(zone), first, last)
    assert [one.day for one in found] == [first + timedelta(days=number) for number in range(365)]
    assert all(early.due_utc < late.due_utc for early, late in pairwise(found))
    assert all(one.deadline_utc >= one.due_utc + timedelta(hours=1) for one in found)


def test_a_day_that_a_zone_left_out_is_left_out() -> None:
    found = occurrences(NIGHT, ZoneInfo("Pacific/Apia"), date(2011, 12, 28), date(2012, 1, 1))
    assert [one.day.day for one in found] == [28, 29, 31, 1]


def test_a_window_over_midnight_ends_the_next_morning_by_the_wall() -> None:
    (night,) = occurrences(NIGHT, BERLIN, date(2026, 3, 28), date(2026, 3, 28))
    assert night.deadline_utc.astimezone(BERLIN) == datetime(2026, 3, 29, 6, tzinfo=BERLIN)
    assert night.deadline_utc - night.due_utc == timedelta(hours=7)  # the odd night is an hour short
    (day,) = occurrences(Job(JobName.MORNING, time(9), time(12)), BERLIN, SPRING, SPRING)
    assert day.deadline_utc == datetime(2026, 3, 29, 10, tzinfo=UTC)


def test_a_window_that_the_jump_would_swallow_is_an_hour_long() -> None:
    (short,) = occurrences(Job(JobName.INDEX, time(2, 30), time(3, 15)), BERLIN, SPRING, SPRING)
    assert short.deadline_utc - short.due_utc == timedelta(hours=1)


def test_the_next_one_is_later_than_now() -> None:
    due = datetime(2026, 7, 1, 20, tzinfo=UTC)
    assert next_occurrence(NIGHT, BERLIN, due - timedelta(seconds=1)).due_utc == due
    assert next_occurrence(NIGHT, BERLIN, due).due_utc == due + timedelta(days=1)


def test_a_window_is_counted_by_the_wall() -> None:
    assert window_end(time(22), 8) == time(6)
    assert window_end(time(9, 30), 1.5) == time(11)
