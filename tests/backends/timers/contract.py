"""What every scheduler of a machine does. Inherited by a test class each, which says how one is made and refuses."""

from datetime import time
from pathlib import Path

import pytest

from web4_agent.backends.timers.base import TimerEntry, Timers
from web4_agent.domain.errors import ScheduleError

ODD = "/srv/über team/50% \"off\" $HOME 'n' \\back; `x` #1 & *"


def entry(name: str = "web4-agent", home: str = "/srv/home", python: str = "/usr/bin/python3") -> TimerEntry:
    return TimerEntry(
        name,
        f"Web4 Agent: what is due in {home}",
        (python, "-m", "web4_agent.cli.main", "run", "--due", "--quiet", "--home", home),
        (time(21), time(22), time(9)),
        "Europe/Berlin",
        Path(home) / "logs" / "schedule.log",
    )


class TimersContract:
    @pytest.fixture
    def timers(self) -> Timers:
        raise NotImplementedError

    def refuse(self, timers: Timers) -> None:
        """Make the scheduler refuse whatever it is asked from now on."""
        raise NotImplementedError

    def test_what_is_installed_is_there_until_it_is_removed(self, timers: Timers) -> None:
        assert timers.trouble() == ""
        assert timers.places("web4-agent") == ()
        installed = timers.install(entry())
        assert installed.kind == timers.kind
        assert installed.places == timers.places("web4-agent") != ()
        assert timers.remove("web4-agent")
        assert timers.places("web4-agent") == ()

    def test_installing_again_leaves_one(self, timers: Timers) -> None:
        places = timers.install(entry()).places
        assert timers.install(entry()).places == places
        assert timers.remove("web4-agent")
        assert not timers.remove("web4-agent")

    def test_homes_do_not_touch_each_other(self, timers: Timers) -> None:
        timers.install(entry())
        timers.install(entry("web4-agent-1a2b3c4d", "/srv/other"))
        assert timers.remove("web4-agent")
        assert timers.places("web4-agent-1a2b3c4d") != ()
        assert not timers.remove("web4-agent")

    def test_removing_what_was_never_there_is_no_error(self, timers: Timers) -> None:
        assert not timers.remove("web4-agent")

    def test_a_preview_changes_nothing(self, timers: Timers) -> None:
        assert "web4_agent.cli.main" in timers.preview(entry())
        assert timers.places("web4-agent") == ()

    @pytest.mark.parametrize("word", ["/srv/two\nlines", "/srv/a\rb", "/srv/\x00", "/srv/\x7f"])
    def test_a_path_with_a_control_character_is_refused(self, timers: Timers, word: str) -> None:
        with pytest.raises(ScheduleError, match="control character"):
            timers.preview(entry(home=word))
        with pytest.raises(ScheduleError, match="control character"):
            timers.install(entry(home=word))
        assert timers.places("web4-agent") == ()

    def test_a_scheduler_that_refuses_leaves_nothing_behind(self, timers: Timers) -> None:
        self.refuse(timers)
        with pytest.raises(ScheduleError):
            timers.install(entry())
        assert timers.places("web4-agent") == ()
