"""Looks at the timetable: each job once a day, caught up once, retried, given up and reported once, and killed."""

import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.flows.timetable.fakes import EVENING, INDEX, MORNING, House, local
from web4_agent.domain.alerts import AlertEvent
from web4_agent.domain.errors import BusyError
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.jobs import JobName, JobState
from web4_agent.domain.runs import RunState
from web4_agent.flows.timetable.settling import KEEP_LOGS
from web4_agent.records import adapters, alerts, jobs, runs
from web4_agent.storage.database import Database
from web4_agent.storage.lock import exclusive


class Killed(BaseException):
    """Stands for SIGKILL: no handler of the project catches it."""


@pytest.fixture
def house(tmp_path: Path, database: Database) -> House:
    made = House(tmp_path, database)
    made.look()  # the timetable begins at 20:00
    assert made.calls == []
    return made


def state(house: House, job: JobName, day: int = 10) -> JobState | None:
    row = house.row(job, day)
    return row.state if row else None


def test_each_job_runs_once_at_its_time_however_often_somebody_looks(house: House) -> None:
    for minutes in range(0, 240, 15):
        house.look(local(10, 20) + timedelta(minutes=minutes))
    assert house.names == ["index", "evening"]
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    assert (row.state, row.attempts, row.started_utc) == (JobState.DONE, 1, local(10, 22))
    assert house.alerts == []


def test_commands_are_those_of_the_command_line(house: House) -> None:
    house.look(local(10, 22))
    home = str(house.home.root)
    assert house.calls == [("index", "--since", "2026-06-03", "--home", home), ("evening", "--home", home)]


def test_the_index_reads_on_from_a_week_before_it_was_last_done(house: House) -> None:
    house.look(local(10, 22))
    house.look(local(20, 22))
    assert house.calls[2][:3] == ("index", "--since", "2026-06-03")


def test_a_machine_asleep_at_ten_trains_when_it_wakes(house: House) -> None:
    done = house.look(local(11, 5, 30))
    assert [row.job for row in done.ran] == [JobName.INDEX, JobName.EVENING]
    assert {row.day for row in done.ran} == {date(2026, 6, 10)}
    assert house.look(local(11, 22)).missed == ()
    assert house.names == ["index", "evening"] * 2


def test_a_machine_asleep_all_night_reports_it_once(house: House) -> None:
    house.set_jobs = (EVENING,)
    done = house.look(local(11, 6))
    assert [(one.job, one.day) for one in done.missed] == [(JobName.EVENING, date(2026, 6, 10))]
    assert [alert.event for alert in house.alerts] == [AlertEvent.MISSED_RUN]
    assert state(house, JobName.EVENING) is JobState.MISSED
    assert house.look(local(11, 7)).missed == ()
    assert len(house.alerts) == 1
    assert "missed: evening of 2026-06-10" in house.lines[0]


def test_five_missed_nights_are_one_night_and_one_alert(house: House) -> None:
    house.look(local(10, 22))
    house.look(local(16, 1))
    assert house.names == ["index", "evening"] * 2
    assert state(house, JobName.EVENING, 15) is JobState.DONE
    told = [alert for alert in house.alerts if "evening" in alert.facts["what"]]
    assert len(told) == 1
    assert told[0].facts["what"] == "evening of 4 days (2026-06-11 to 2026-06-14)"


def test_a_failed_job_is_tried_again_three_times_and_then_told_of_once(house: House) -> None:
    house.codes["evening"] = [6] * 9
    for minutes in range(0, 180, 5):
        house.look(local(10, 22) + timedelta(minutes=minutes))
    assert house.names.count("evening") == 4
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    assert (row.state, row.attempts, row.exit_code, row.detail) == (JobState.GIVEN_UP, 4, 6, "there is no room")
    assert [alert.event for alert in house.alerts] == [AlertEvent.NIGHT_FAILED]
    assert "there is no room" in house.alerts[0].facts["error"]
    house.look(local(11, 22))
    assert house.names.count("evening") == 5


def test_a_failure_that_is_mended_is_no_news(house: House) -> None:
    house.codes["evening"] = [6]
    assert house.look(local(10, 22)).next_utc == house.at + timedelta(minutes=5)
    assert house.look(house.at + timedelta(minutes=5)).ran[0].state is JobState.DONE
    assert house.alerts == []


def test_a_rejected_night_is_an_answer_and_not_tried_again(house: House) -> None:
    house.codes["evening"] = [1]
    house.look(local(10, 22))
    house.look(local(10, 23))
    assert state(house, JobName.EVENING) is JobState.ANSWERED_NO
    assert house.names.count("evening") == 1
    assert house.alerts == []


def test_a_night_that_is_killed_for_memory_says_so(house: House) -> None:
    house.codes["evening"] = [-9]
    house.look(local(10, 22))
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    assert (row.state, row.detail) == (JobState.FAILED, "killed by SIGKILL, most likely for want of memory")


def test_a_job_that_is_told_to_stop_goes_on_next_time_and_no_other_begins(house: House) -> None:
    house.codes["index"] = [-15]
    house.meanwhile = lambda name: house.stop.set()
    house.look(local(10, 22))
    assert house.names == ["index"]
    assert state(house, JobName.INDEX) is JobState.STOPPED
    house.stop.clear()
    house.meanwhile = lambda name: None
    house.look()
    assert house.names == ["index", "index", "evening"]
    row = house.row(JobName.INDEX, 10)
    assert row is not None
    assert row.attempts == 1


def test_an_open_night_of_another_day_is_gone_on_with_before_tonight_s_own(house: House) -> None:
    house.at = local(9, 23)
    house.begin_night()
    ends = iter([house.end_night])
    house.meanwhile = lambda name: next(ends, lambda: None)() if name == "evening" else None
    done = house.look(local(10, 22))
    assert house.names == ["evening", "index", "evening"]
    assert [row.state for row in done.ran] == [JobState.WAITING, JobState.DONE, JobState.DONE]
    assert state(house, JobName.EVENING) is JobState.DONE


def test_an_open_night_that_fails_again_keeps_tonight_s_own_waiting(house: House) -> None:
    house.at = local(9, 23)
    house.begin_night()
    house.codes["evening"] = [9]
    house.look(local(10, 22))
    assert house.names == ["evening", "index"]
    assert state(house, JobName.EVENING) is JobState.FAILED


def test_tonight_s_own_night_that_was_cut_off_is_gone_on_with_first(house: House) -> None:
    house.codes["index"] = [6]
    house.meanwhile = lambda name: house.begin_night() if name == "evening" else None
    house.codes["evening"] = [-9]
    house.look(local(10, 22))
    house.meanwhile = lambda name: house.end_night() if name == "evening" else None
    house.look(local(10, 23))
    assert house.names == ["index", "evening", "evening", "index"]
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    assert (row.state, row.detail) == (JobState.DONE, "night-2026-06-10-1: promoted")


def test_a_night_by_hand_since_it_was_due_is_tonight_s(house: House) -> None:
    house.at = local(10, 22, 5)
    house.begin_night()
    house.end_night(RunState.NOTHING_NEW)
    house.look(local(10, 22, 15))
    assert house.names == ["index"]
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    assert (row.state, row.attempts, row.detail) == (JobState.DONE, 0, "night-2026-06-10-1: nothing new")


def test_a_night_that_lives_an_old_day_again_is_not_tonight_s(house: House) -> None:
    with house.database.begin() as connection:
        old = runs.start(connection, "night", date(2026, 5, 1), local(10, 22, 5))
        runs.end(connection, old.id, RunState.PROMOTED, local(10, 22, 10))
    house.look(local(10, 22, 15))
    assert house.names == ["index", "evening"]


def test_a_night_by_hand_that_holds_the_lock_is_waited_for_and_costs_no_try(house: House) -> None:
    house.codes["evening"] = [5, 5, 5, 5, 5, 5]
    for minutes in range(0, 60, 10):
        house.look(local(10, 22) + timedelta(minutes=minutes))
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    assert (row.state, row.attempts, house.names.count("evening")) == (JobState.WAITING, 0, 6)
    done = house.look(local(11, 6))
    assert [each.state for each in done.given_up] == [JobState.MISSED]
    assert [alert.event for alert in house.alerts] == [AlertEvent.MISSED_RUN]


def test_a_night_that_outlives_whoever_began_it_is_not_given_up(house: House) -> None:
    house.meanwhile = lambda name: _kill_after(house) if name == "evening" else None
    with pytest.raises(Killed):
        house.look(local(10, 23))
    with exclusive(house.home.night_lock, doing="the evening loop"):
        house.look(local(11, 6, 30))
        assert state(house, JobName.EVENING) is JobState.CUT_OFF
    house.end_night()
    house.look(local(11, 7))
    assert state(house, JobName.EVENING) is JobState.DONE
    assert house.alerts == []


def _kill_after(house: House) -> None:
    house.begin_night()
    raise Killed


def test_before_a_second_model_there_is_no_morning_to_compare(house: House) -> None:
    house.set_jobs = (MORNING,)
    house.look(local(11, 9))
    assert house.calls == []
    row = house.row(JobName.MORNING, 11)
    assert row is not None
    assert (row.state, row.detail) == (JobState.DONE, "one model has served so far: there is nothing to compare")
    with house.database.begin() as connection:
        base = adapters.get(connection, AdapterVersion("base"))
        assert base is not None
        adapters.add(connection, replace(base, version=AdapterVersion("a-1")))
        adapters.move_pointer(connection, AdapterVersion("a-1"), "a test", house.at)
    house.codes["morning"] = [1]
    house.look(local(12, 9))
    assert house.names == ["morning"]
    assert state(house, JobName.MORNING, 12) is JobState.ANSWERED_NO


POINTS = [
    *("timetable.started.committing", "timetable.started.committed", "timetable.ended.done"),
    *("timetable.ended.committing", "timetable.ended.committed"),
]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("victim", [1, 2])
def test_killed_at_any_point_both_jobs_are_done_in_the_end(house: House, point: str, victim: int) -> None:
    house.meanwhile = lambda name: _a_night(house) if name == "evening" else None
    left = victim

    def reached(at: str) -> None:
        nonlocal left
        left -= at == point
        if at == point and not left:
            raise Killed

    house.reached = reached
    with pytest.raises(Killed):
        house.look(local(10, 22))
    house.reached = lambda point: None
    house.look()
    assert state(house, JobName.INDEX) is JobState.DONE
    assert state(house, JobName.EVENING) is JobState.DONE
    assert house.names.count("evening") == 1, "a night that had ended was run again"
    assert house.alerts == []


def _a_night(house: House) -> None:
    house.begin_night()
    house.end_night()


@pytest.mark.parametrize("point", ["timetable.missed.committing", "timetable.missed.committed"])
def test_killed_while_missed_days_are_recorded_they_are_told_of_once(house: House, point: str) -> None:
    def reached(at: str) -> None:
        if at == point:
            raise Killed

    house.set_jobs = (EVENING,)
    house.reached = reached
    with pytest.raises(Killed):
        house.look(local(11, 7))
    house.reached = lambda point: None
    house.look()
    house.look()
    with house.database.read() as connection:
        assert len(alerts.unaddressed(connection)) == 1
    assert state(house, JobName.EVENING) is JobState.MISSED


@pytest.mark.parametrize("point", ["timetable.given_up.committing", "timetable.given_up.committed"])
def test_killed_while_a_job_is_given_up_it_is_told_of_once(house: House, point: str) -> None:
    def reached(at: str) -> None:
        if at == point:
            raise Killed

    house.codes["evening"] = [6]
    house.look(local(11, 5, 50))
    house.reached = reached
    with pytest.raises(Killed):
        house.look(local(11, 6))
    house.reached = lambda point: None
    house.look()
    with house.database.read() as connection:
        assert len(alerts.unaddressed(connection)) == 1
    assert state(house, JobName.EVENING) is JobState.GIVEN_UP


def test_a_second_process_leaves_the_work_to_the_first(house: House) -> None:
    refused: list[str] = []

    def look_too(name: str) -> None:
        def look() -> None:
            with pytest.raises(BusyError, match="the timetable"):
                house.look()
            refused.append(name)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    house.meanwhile = look_too
    house.look(local(10, 22))
    assert refused == ["index", "evening"]
    assert house.names == ["index", "evening"]


def test_of_two_writers_of_a_row_one_is_told_it_was_second(house: House) -> None:
    house.look(local(10, 22))
    row = house.row(JobName.EVENING, 10)
    assert row is not None
    again = replace(row, state=JobState.RUNNING, attempts=2)
    with house.database.begin() as connection:
        assert not jobs.put(connection, row, None)
        assert jobs.put(connection, again, row)
        assert not jobs.put(connection, again, row)


def test_a_job_that_is_off_for_a_week_was_not_missed(house: House) -> None:
    house.look(local(10, 22))
    house.set_jobs = (INDEX,)
    house.look(local(10, 23))
    house.look(local(17, 12))
    house.alerts.clear()
    house.set_jobs = (INDEX, EVENING)
    assert house.look(local(17, 13)).missed == ()
    assert house.look(local(17, 22)).ran[-1].job is JobName.EVENING
    assert house.alerts == []


def test_a_clock_that_is_set_back_and_forth_runs_nothing_twice(house: House) -> None:
    for day, hour in ((10, 22), (10, 20), (10, 23), (10, 9), (10, 22)):
        house.look(local(day, hour))
    assert house.names == ["index", "evening"]


def test_logs_are_kept_for_a_month(house: House) -> None:
    folder = house.home.logs / "jobs"
    folder.mkdir(parents=True)
    for number in range(KEEP_LOGS + 5):
        (folder / f"2026-01-{number:03}-index.log").write_text("old")
    house.look(local(10, 22))
    assert len(list(folder.iterdir())) == KEEP_LOGS
    assert (folder / "2026-06-10-evening.log").is_file()
