"""A command as a real child process: its code, its words, and that it ends with all it started when it is told."""

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from web4_agent.domain.errors import HomeError
from web4_agent.steps.timetable import child
from web4_agent.steps.timetable.child import run_command, was_stopped


@pytest.fixture(autouse=True)
def obedient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MODULE", "tests.steps.timetable.obedient")
    monkeypatch.setattr(child, "STOP_S", 0.5)


def test_the_code_comes_back_and_both_outputs_are_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "job.log"
    never = threading.Event()
    assert run_command(["well", "a b"], log, never) == 0
    assert run_command(["fail"], log, never) == 6
    assert log.read_text() == "arguments well a b\narguments fail\nerror: no room for it\n  try: make some\n"


def test_a_command_that_is_killed_says_by_which_signal(tmp_path: Path) -> None:
    assert run_command(["die"], tmp_path / "job.log", threading.Event()) == -9


@pytest.mark.parametrize("manner", ["sleep", "stubborn"])
def test_a_command_that_is_told_to_stop_goes_with_its_children(manner: str, tmp_path: Path) -> None:
    log, stop = tmp_path / "job.log", threading.Event()

    def stop_when_it_runs() -> None:
        while "child " not in (log.read_text() if log.exists() else ""):
            time.sleep(0.02)
        stop.set()

    threading.Thread(target=stop_when_it_runs).start()
    assert was_stopped(run_command([manner], log, stop))
    grandchild = int(log.read_text().split("child ")[1])
    for _ in range(100):
        if not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.02)
    raise AssertionError("what the command started still runs")


def test_a_log_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    with pytest.raises(HomeError, match="logs"):
        run_command(["well"], tmp_path / "logs" / "job.log", threading.Event())


def test_codes_of_a_command_that_was_told_to_stop() -> None:
    assert [code for code in (0, 1, 5, -15, -2, -9, 130, 143) if was_stopped(code)] == [-15, -2, 130, 143]
    assert os.name == "posix"
