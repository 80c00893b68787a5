"""Which zone times are in: the setting, the variable, the machine, in that order; nonsense is passed over."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import TZPATH

import pytest

from web4_agent.steps.timetable.zone import find_zone, named, zone_name

BERLIN_FILE = next((path for each in TZPATH if (path := Path(each) / "Europe" / "Berlin").is_file()), None)
NOWHERE = Path("/nowhere")


def test_the_setting_wins_over_the_variable_and_this_over_the_machine() -> None:
    assert zone_name(find_zone("Asia/Tokyo", "Europe/Paris", NOWHERE)) == "Asia/Tokyo"
    assert zone_name(find_zone("", ":Europe/Paris", NOWHERE)) == "Europe/Paris"
    assert find_zone("", "", NOWHERE) is UTC


@pytest.mark.parametrize("nonsense", ["Europe", "Mars/Olympus", "../../etc/passwd", "CET-1CEST,M3.5.0,M10.5.0/3", "\0"])
def test_what_names_no_zone_is_passed_over(nonsense: str) -> None:
    assert named(nonsense) is None
    assert find_zone("", nonsense, NOWHERE) is UTC


@pytest.mark.skipif(BERLIN_FILE is None, reason="this machine keeps no zone files")
def test_the_machine_s_zone_is_a_link_or_a_copy(tmp_path: Path) -> None:
    assert BERLIN_FILE is not None
    link, copy = tmp_path / "link", tmp_path / "copy"
    link.symlink_to(BERLIN_FILE)
    shutil.copy(BERLIN_FILE, copy)
    assert zone_name(find_zone("", "", link)) == "Europe/Berlin"
    copied = find_zone("", "", copy)
    assert zone_name(copied) == "the machine's zone"
    assert datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(copied).hour == 14
