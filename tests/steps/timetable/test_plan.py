"""What is due: caught up once, retried with pauses, given up, missed; and a whole year, tick by tick."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from web4_agent.domain.jobs import JobName, JobRun, JobState
from web4_agent.steps.timetable import Job, Plan, RetryPolicy, plan

BERLIN = ZoneInfo("Europe/Berlin")
INDEX = Job(JobName.INDEX, time(21), time(6))
EVENING = Job(JobName.EVENING, time(22), time(6))
MORNING = Job(JobName.MORNING, time(9), time(12))
JOBS = (INDEX, EVENING, MORNING)
LONG_AGO = dict.fromkeys(JobName, datetime(2020, 1, 1, tzinfo=UTC))
POLICY = RetryPolicy()
DAY = date(2026, 6, 10)


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def row(state: JobState, attempts: int = 1, ended: datetime | None = None, day: date = DAY) -> JobRun:
    due = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
    return JobRun(JobName.EVENING, day, due, state, attempts, due, ended)


def done_until(day: int, jobs: tuple[Job, ...] = JOBS) -> list[JobRun]:
    days = [DAY + timedelta(days=number) for number in range(-40, day - DAY.day + 1)]
    return [replace(row(JobState.DONE, 1, None, each), job=job.name) for each in days for job in jobs]


def look(now: datetime, rows: list[JobRun] | None = None, jobs: tuple[Job, ...] = JOBS) -> Plan:
    return plan(jobs, rows or [], LONG_AGO, BERLIN, now, POLICY)


def test_before_its_time_nothing_is_due_and_the_next_look_is_then() -> None:
    made = look(local(10, 20), [*done_until(9), *[replace(row(JobState.DONE), job=JobName.MORNING)]])
    assert (made.due, made.missed, made.over) == ([], [], [])
    assert made.next_utc == local(10, 21)


def test_at_night_index_and_evening_are_due_in_that_order() -> None:
    rows = [*done_until(9), replace(row(JobState.DONE), job=JobName.MORNING)]
    made = look(local(11, 5, 59), rows)
    assert [(one.job, one.day) for one in made.due] == [(JobName.INDEX, DAY), (JobName.EVENING, DAY)]
    assert not made.missed


def test_after_its_window_it_was_missed() -> None:
    made = look(local(11, 6), done_until(9))
    assert made.due == []
    assert {(one.job, one.day) for one in made.missed} == {(name, DAY) for name in JobName}


def test_five_missed_nights_are_caught_up_by_one() -> None:
    made = look(local(15, 23), done_until(9))
    assert [(one.job, one.day.day) for one in made.due] == [(JobName.INDEX, 15), (JobName.EVENING, 15)]
    assert [one.day.day for one in made.missed if one.job is JobName.EVENING] == [10, 11, 12, 13, 14]


def test_what_was_missed_before_the_timetable_began_is_no_news_but_tonight_still_runs() -> None:
    now = local(10, 23)
    made = plan(JOBS, [], dict.fromkeys(JobName, now), BERLIN, now, POLICY)
    assert [one.job for one in made.due] == [JobName.INDEX, JobName.EVENING]
    assert made.missed == []


def test_a_year_of_absence_is_a_month_of_rows() -> None:
    made = look(local(10, 8), [], (EVENING,))
    assert len(made.missed) == POLICY.look_back_days


@pytest.mark.parametrize(("tries", "minutes"), [(1, 5), (2, 15), (3, 45)])
def test_a_failed_job_is_tried_again_after_a_pause(tries: int, minutes: int) -> None:
    ended = local(10, 22, 30)
    rows = [*done_until(9, (EVENING,)), row(JobState.FAILED, tries, ended)]
    again = ended + timedelta(minutes=minutes)
    early = look(again - timedelta(seconds=1), rows, (EVENING,))
    assert early.due == []
    assert early.next_utc == again
    assert [one.day for one in look(again, rows, (EVENING,)).due] == [DAY]


def test_after_three_retries_or_its_window_it_is_given_up_once() -> None:
    often = row(JobState.FAILED, 4, local(10, 23))
    late = row(JobState.FAILED, 1, local(11, 5, 50))
    for now, failed in ((local(11, 1), often), (local(11, 6), late)):
        made = look(now, [*done_until(9, (EVENING,)), failed], (EVENING,))
        assert (made.due, made.missed, made.over) == ([], [], [failed])
        after = [*done_until(9, (EVENING,)), replace(failed, state=JobState.GIVEN_UP)]
        assert look(now, after, (EVENING,)).over == []


@pytest.mark.parametrize("state", [JobState.STOPPED, JobState.CUT_OFF])
def test_what_was_stopped_or_cut_off_goes_on_at_once(state: JobState) -> None:
    made = look(local(10, 23), [*done_until(9, (EVENING,)), row(state, 1, local(10, 23))], (EVENING,))
    assert [one.day for one in made.due] == [DAY]


def test_a_job_that_runs_on_another_machine_is_left_alone_until_it_must_be_dead() -> None:
    rows = [*done_until(9, (EVENING,)), row(JobState.RUNNING)]
    assert look(local(10, 23), rows, (EVENING,)).due == []
    assert look(local(11, 8), rows, (EVENING,)).over == []
    tomorrow = look(local(12, 8), [*rows, row(JobState.DONE, day=DAY + timedelta(days=1))], (EVENING,))
    assert [one.day for one in tomorrow.over] == [DAY]


@pytest.mark.parametrize("state", [JobState.DONE, JobState.ANSWERED_NO, JobState.GIVEN_UP])
def test_a_clock_that_is_set_back_runs_nothing_twice(state: JobState) -> None:
    rows = [*done_until(9, (EVENING,)), row(state, 1, local(10, 23))]
    for now in (local(10, 23, 30), local(10, 22, 10), local(10, 22)):
        made = look(now, rows, (EVENING,))
        assert (made.due, made.missed, made.over) == ([], [], [])


def test_a_clock_that_is_set_back_does_not_lengthen_a_pause() -> None:
    rows = [*done_until(9, (EVENING,)), row(JobState.FAILED, 1, local(20, 22))]
    assert [one.day for one in look(local(10, 22, 5), rows, (EVENING,)).due] == [DAY]


def test_what_a_clock_that_ran_ahead_called_missed_is_still_run() -> None:
    rows = [*done_until(9, (EVENING,)), row(JobState.MISSED, 0, local(20, 7))]
    assert [one.day for one in look(local(10, 22, 5), rows, (EVENING,)).due] == [DAY]


def test_a_job_that_left_the_timetable_half_done_is_ended() -> None:
    failed = row(JobState.FAILED, 1, local(10, 22))
    assert look(local(11, 12), [*done_until(11, (MORNING,)), failed], (MORNING,)).over == [failed]


def test_with_no_job_on_there_is_nothing_to_do() -> None:
    made = look(local(10, 22), [], ())
    assert (made.due, made.missed, made.over) == ([], [], [])
    assert made.next_utc == local(11, 22)


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Berlin", date(2026, 3, 27)),
        ("Europe/Berlin", date(2026, 10, 23)),
        ("America/New_York", date(2026, 3, 6)),
        ("America/New_York", date(2026, 10, 30)),
        ("Australia/Lord_Howe", date(2026, 4, 3)),
        ("Australia/Lord_Howe", date(2026, 10, 2)),
    ],
)
@pytest.mark.parametrize("at", [time(1, 45), time(2), time(2, 30), time(22)])
def test_around_the_odd_nights_each_day_is_run_once_and_in_time(zone: str, first: date, at: time) -> None:
    """Looked at each quarter of an hour for five days, with the rows that the flow would write kept by hand."""
    job, place = Job(JobName.EVENING, at, time(10)), ZoneInfo(zone)
    start = now = datetime(first.year, first.month, first.day, 12, tzinfo=place).astimezone(UTC)
    since = {JobName.EVENING: start}
    rows: dict[date, JobRun] = {}
    while now < start + timedelta(days=5):
        made = plan([job], rows.values(), since, place, now, RetryPolicy(look_back_days=6))
        for one in made.due:
            assert one.day not in rows
            assert one.due_utc < start or now - one.due_utc < timedelta(minutes=15)
            rows[one.day] = replace(row(JobState.DONE, 1, now, one.day), due_utc=one.due_utc)
        assert (made.missed, made.over) == ([], [])
        assert made.next_utc > now
        now += timedelta(minutes=15)
    days = sorted(rows)
    assert days == [days[0] + timedelta(days=number) for number in range(5)]
