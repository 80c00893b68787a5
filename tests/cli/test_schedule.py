"""`schedule`, `run --due` and `up` from the command line: what they print, their exit codes, and a real process."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.backends.timers.programs import Programs
from tests.gateway.running import make_runtime
from web4_agent.backends.engines.scripted import ScriptedLauncher
from web4_agent.cli import up
from web4_agent.cli.main import run
from web4_agent.domain.jobs import JobName, JobState
from web4_agent.records import jobs

OFF = {"schedule.index_at": "", "schedule.evening_at": "", "schedule.morning_at": ""}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs(tmp_path, monkeypatch)
    for name in ("systemctl", "loginctl", "crontab"):
        made.put(name)
    return made


@pytest.fixture
def handlers() -> Iterator[None]:
    """What `run --due` does to signals is undone."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def home(tmp_path: Path, **overrides: object) -> list[str]:
    """A founded home, as the option that names it."""
    runtime = make_runtime(
        tmp_path, {key.replace("__", "."): value for key, value in overrides.items()} or OFF, ScriptedLauncher()
    )
    runtime.close()
    return ["--home", str(runtime.home.root)]


def test_install_takes_systemd_and_remove_takes_it_out(
    tmp_path: Path, programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    place = home(tmp_path, schedule__zone="Europe/Berlin", schedule__morning_at="")
    assert run(["schedule", "install", *place]) == 0
    told = capsys.readouterr().out
    (timer,) = programs.units.glob("web4-agent-*.timer")
    assert str(timer) in told
    assert "loginctl enable-linger" in told
    assert "Timetable (Europe/Berlin)" in told
    assert f"called by systemd ({timer.stem})" in told
    assert timer.read_text().count("Europe/Berlin") == 2
    assert f'"{sys.executable}" "-m" "web4_agent.cli.main" "run" "--due"' in timer.with_suffix(".service").read_text()
    assert run(["schedule", "remove", *place]) == 0
    assert "taken out of systemd" in capsys.readouterr().out
    assert list(programs.units.iterdir()) == []
    assert run(["schedule", "remove", *place]) == 0
    assert "it was not installed" in capsys.readouterr().out


def test_without_systemd_cron_takes_over_and_later_gives_way(
    tmp_path: Path, programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    place = home(tmp_path)
    programs.mark("nobus")
    assert run(["schedule", "install", *place]) == 0
    assert "installed with cron" in capsys.readouterr().out
    (programs.state / "nobus").unlink()
    assert run(["schedule", "install", *place]) == 0
    assert "installed with systemd" in capsys.readouterr().out
    assert not programs.table.exists()
    assert run(["schedule", "install", "--cron", *place]) == 0
    assert "called by cron" in capsys.readouterr().out
    assert list(programs.units.iterdir()) == []


def test_print_changes_nothing(tmp_path: Path, programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    place = home(tmp_path)
    assert run(["schedule", "install", "--print", *place]) == 0
    assert "Persistent=true" in capsys.readouterr().out
    assert run(["schedule", "install", "--print", "--cron", *place]) == 0
    assert capsys.readouterr().out.startswith("# >>> web4-agent-")
    assert not programs.table.exists()
    assert not programs.units.exists()


def test_a_machine_with_neither_is_told_of_up(
    tmp_path: Path, programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    programs.mark("nobus")
    (programs.bin / "crontab").unlink()
    assert run(["schedule", "install", *home(tmp_path)]) == 14
    told = capsys.readouterr().err
    assert "there is no crontab" in told
    assert "web4-agent up" in told


def test_variables_of_this_shell_are_named(
    tmp_path: Path, programs: Programs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = home(tmp_path)
    monkeypatch.setenv("WEB4_ENGINE__API_KEY", "not to be shown")
    assert run(["schedule", "install", *place]) == 0
    told = capsys.readouterr().out
    assert "WEB4_ENGINE__API_KEY is set in this shell only" in told
    assert "not to be shown" not in told


def test_show_as_json_is_json(tmp_path: Path, programs: Programs, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schedule", "show", "--json", *home(tmp_path)]) == 0
    assert [one["job"] for one in json.loads(capsys.readouterr().out)["jobs"]] == ["index", "evening", "morning"]


@pytest.mark.usefixtures("handlers")
def test_run_due_says_when_nothing_is_due_unless_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = home(tmp_path)
    assert run(["run", *place]) == 2
    capsys.readouterr()
    assert run(["run", "--due", *place]) == 0
    assert capsys.readouterr().out.startswith("nothing is due; next look at")
    assert run(["run", "--due", "--quiet", *place]) == 0
    assert capsys.readouterr().out == ""


def test_a_wrong_time_or_zone_names_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = home(tmp_path)
    for key, value in (("EVENING_AT", "24:00"), ("ZONE", "Mars/Olympus"), ("ZONE", "Europe"), ("MORNING_UNTIL", "")):
        monkeypatch.setenv(f"WEB4_SCHEDULE__{key}", value)
        assert run(["schedule", "show", *place]) == 2
        assert f"WEB4_SCHEDULE__{key}" in capsys.readouterr().err
        monkeypatch.delenv(f"WEB4_SCHEDULE__{key}")


def test_up_answers_runs_what_is_due_and_stops_when_told(tmp_path: Path) -> None:
    just_now = f"{datetime.now(UTC) - timedelta(minutes=1):%H:%M}"
    overrides = {**OFF, "schedule.index_at": just_now, "schedule.zone": "UTC"}
    runtime = make_runtime(tmp_path, overrides, ScriptedLauncher())
    command = [sys.executable, "-m", "web4_agent.cli.main", "up", "--port", "0", "--home", str(runtime.home.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            url = next(found[1] for line in lines if (found := re.search(r"(http://\S+)/v1", line)))
            assert "started" in next(line for line in lines if "index of" in line)
            assert httpx.get(f"{url}/healthz", timeout=20, trust_env=False).status_code == 200
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
            rest = process.stdout.read() if process.stdout is not None else ""
    assert code == 0, rest
    with runtime.database.read() as connection:
        row = jobs.latest(connection, JobName.INDEX)
    assert row is not None
    assert row.state in {JobState.STOPPED, JobState.FAILED}, "no embedder is in this home, or it was told to stop first"
    runtime.close()


def test_a_timetable_that_ends_by_itself_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = make_runtime(tmp_path, OFF, ScriptedLauncher())
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("web4_agent.flows.timetable.keep", lambda parts: None)
    monkeypatch.setattr("os.kill", lambda process, by: told.append((process, by)))
    lines: list[str] = []
    background = up.Background(runtime, lines.append)
    background.start()
    while not told:
        time.sleep(0.01)
    background.stop()
    assert told == [(os.getpid(), signal.SIGTERM)]
    assert background.broken
    assert lines == ["the timetable ended by a bug; its traceback is on standard error"]
    runtime.close()
