"""The block in the crontab: nothing else is touched, a shell reads back what was meant, half a block is left alone."""

import subprocess
import sys
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from tests.backends.timers.contract import ODD, TimersContract, entry
from tests.backends.timers.programs import Programs
from web4_agent.backends.timers.base import Timers
from web4_agent.backends.timers.cron import CronTimers
from web4_agent.domain.errors import ScheduleError

OTHERS = b"# mine\nMAILTO=me\n\n*/5 * * * *  /usr/bin/true\t# \xff\xfe no UTF-8\n0 1 * * * echo a\\%b\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs(tmp_path, monkeypatch)
    made.put("crontab")
    return made


class TestCron(TimersContract):
    @pytest.fixture
    def timers(self, programs: Programs) -> Timers:
        self.programs = programs
        return CronTimers()

    def refuse(self, timers: Timers) -> None:
        self.programs.mark("refuse")


def test_other_lines_stay_byte_for_byte(programs: Programs) -> None:
    programs.table.write_bytes(OTHERS)
    CronTimers().install(entry())
    assert programs.table.read_bytes().startswith(OTHERS)
    with_later = programs.table.read_bytes() + b"0 2 * * * later\n"
    programs.table.write_bytes(with_later)
    CronTimers().install(entry(home="/srv/moved"))
    assert programs.table.read_bytes().startswith(OTHERS + b"0 2 * * * later\n")
    assert CronTimers().remove("web4-agent")
    assert programs.table.read_bytes() == OTHERS + b"0 2 * * * later\n"


def test_a_crontab_that_was_not_there_is_not_there_afterwards(programs: Programs) -> None:
    CronTimers().install(entry())
    assert CronTimers().remove("web4-agent")
    assert not programs.table.exists()


@pytest.mark.parametrize("left", ["# >>>", "# <<<"])
def test_half_a_block_is_left_to_a_person(programs: Programs, left: str) -> None:
    CronTimers().install(entry())
    lines = programs.table.read_text().splitlines(keepends=True)
    damaged = "".join(line for line in lines if not line.startswith(left)) + "0 1 * * * mine\n"
    programs.table.write_text(damaged)
    for act in (lambda: CronTimers().remove("web4-agent"), lambda: CronTimers().install(entry())):
        with pytest.raises(ScheduleError, match="half of the block"):
            act()
    assert programs.table.read_text() == damaged


def test_a_crontab_that_may_not_be_read_is_not_taken_for_an_empty_one(programs: Programs) -> None:
    programs.table.write_bytes(OTHERS)
    programs.mark("locked")
    with pytest.raises(ScheduleError, match="not allowed"):
        CronTimers().install(entry())
    assert programs.table.read_bytes() == OTHERS


def test_minutes_are_the_quarters_and_those_of_the_jobs_in_any_zone(programs: Programs) -> None:
    def minutes(*moments: time) -> str:
        return CronTimers().preview(replace(entry(), moments=moments)).splitlines()[1].split(" ")[0]

    assert minutes(time(21), time(22)) == "0,15,30,45"
    assert minutes(time(22, 7)) == "0,7,15,22,30,37,45,52"


def test_a_shell_reads_back_what_was_meant(tmp_path: Path) -> None:
    """As cron does: a percent sign loses its backslash, and the rest goes to /bin/sh."""
    home = str(tmp_path) + ODD
    Path(home, "logs").mkdir(parents=True)
    command = (sys.executable, "-c", "import sys; print(*sys.argv[1:], sep='|')", "--home", home)
    line = CronTimers().preview(replace(entry(home=home), command=command)).splitlines()[1]
    text = line.split(" * * * * ")[1]
    assert not [at for at, letter in enumerate(text) if letter == "%" and text[at - 1] != "\\"]
    subprocess.run(["/bin/sh", "-c", text.replace("\\%", "%")], check=True)
    assert Path(home, "logs", "schedule.log").read_text() == f"--home|{home}\n"


def test_where_there_is_no_crontab_it_says_so(programs: Programs) -> None:
    (programs.bin / "crontab").unlink()
    assert CronTimers().trouble() == "there is no crontab"
