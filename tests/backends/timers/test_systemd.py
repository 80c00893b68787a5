"""systemd's units: what its own checker says of them, how odd paths come out, and a systemctl that fails."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.timers.contract import ODD, TimersContract, entry
from tests.backends.timers.programs import Programs
from web4_agent.backends.timers.base import Timers
from web4_agent.backends.timers.systemd import SystemdTimers, service_unit, timer_unit
from web4_agent.domain.errors import ScheduleError


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs(tmp_path, monkeypatch)
    made.put("systemctl")
    made.put("loginctl")
    return made


def made(programs: Programs) -> SystemdTimers:
    return SystemdTimers(programs.units, "tester")


class TestSystemd(TimersContract):
    @pytest.fixture
    def timers(self, programs: Programs) -> Timers:
        self.programs = programs
        return made(programs)

    def refuse(self, timers: Timers) -> None:
        self.programs.mark("refuse")


def test_without_systemd_it_says_what_is_lacking(programs: Programs) -> None:
    programs.mark("nobus")
    assert "Failed to connect to bus" in made(programs).trouble()
    (programs.bin / "systemctl").unlink()
    assert made(programs).trouble() == "there is no systemctl"


def test_the_timer_is_switched_on_and_restarted_and_lingering_is_named(programs: Programs) -> None:
    installed = made(programs).install(entry())
    assert programs.calls == [
        f"--user {words}" for words in ("daemon-reload", "enable web4-agent.timer", "restart web4-agent.timer")
    ]
    assert "loginctl enable-linger tester" in installed.notes[0]
    programs.mark("linger")
    assert made(programs).install(entry()).notes == ()


def test_a_refusal_puts_back_the_units_that_were_there(programs: Programs) -> None:
    made(programs).install(entry())
    before = {path: path.read_text() for path in programs.units.iterdir()}
    programs.mark("refuse")
    with pytest.raises(ScheduleError, match="Unit file is masked"):
        made(programs).install(entry(home="/srv/another"))
    assert {path: path.read_text() for path in programs.units.iterdir()} == before


def test_each_time_has_its_line_with_the_zone_and_missed_ones_are_made_up_for() -> None:
    lines = timer_unit(entry()).splitlines()
    assert [line for line in lines if line.startswith("OnCalendar")] == [
        "OnCalendar=*-*-* 21:00:00 Europe/Berlin",
        "OnCalendar=*-*-* 22:00:00 Europe/Berlin",
        "OnCalendar=*-*-* 09:00:00 Europe/Berlin",
        "OnCalendar=*:0/15",
    ]
    assert "Persistent=true" in lines
    assert "Europe" not in timer_unit(replace(entry(), zone=""))


def read_back(line: str) -> list[str]:
    """The words of an ExecStart line by the rules of systemd.syntax(7) and systemd.service(5)."""
    words = []
    for quoted in re.findall(r'"((?:[^"\\]|\\.)*)"', line):
        plain = re.sub(r"\\(.)", r"\1", quoted).replace("%%", "%")
        words.append(plain.replace("$$", "$"))
    return words


@pytest.mark.parametrize("home", ["/srv/home", "/srv/two words", "/srv/100%", "/srv/$HOME", '/srv/"q"', ODD])
def test_odd_paths_come_back_as_they_were(home: str) -> None:
    text = service_unit(entry(home=home))
    line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert read_back(line) == list(entry(home=home).command)
    assert not re.search(r"(?<!%)(%%)*%(?!%)", line), "a lone percent sign is a specifier"


def test_a_program_with_a_dollar_sign_is_refused() -> None:
    with pytest.raises(ScheduleError, match="can't run a program"):
        service_unit(entry(python="/srv/$x/python"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd-analyze")
@pytest.mark.parametrize("home", ["/srv/home", ODD])
def test_systemd_s_own_checker_has_nothing_to_say(home: str, tmp_path: Path) -> None:
    paths = []
    for kind, text in (("service", service_unit(entry(home=home))), ("timer", timer_unit(entry(home=home)))):
        paths.append(tmp_path / f"web4-agent.{kind}")
        paths[-1].write_text(text, encoding="utf-8")
    told = subprocess.run(
        ["systemd-analyze", "--user", "verify", *paths],
        capture_output=True,
        text=True,
        check=False,
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, "")
