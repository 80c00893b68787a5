"""The table of docs/faults.md is whole: every row is held to what happens by some test, and loses nothing."""

from pathlib import Path

from tests.faults.table import PAGE, rows
from web4_agent.cli.main import run


def test_every_row_is_proved_by_a_test_of_this_folder() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    tests = tests.replace(
        'f"file of a night that is {damage}"', '"file of a night that is gone" "file of a night that is cut off"'
    )
    assert len(rows()) > 20
    assert [fault for fault in rows() if f'"{fault}"' not in tests] == []


def test_no_fault_loses_anything_and_every_exit_code_is_one() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count(" | ") == 4]
    faults = [line for line in lines if line.split(" | ")[1].strip().isdigit()]
    assert len(faults) == len(rows())
    assert all(line.strip().strip("|").split(" | ")[4].strip() == "nothing" for line in faults)
    assert {row.exit_code for row in rows().values()} <= {0, *range(1, 15)}


def test_the_options_that_the_table_names_exist(capsys) -> None:  # type: ignore[no-untyped-def] # pytest's own
    for command, option in (("evening", "--trust-clock"), ("evening", "--abandon"), ("doctor", "--fix")):
        assert run([command, "--help"]) == 0
        assert option in capsys.readouterr().out
        assert f"web4-agent {command}" in PAGE.read_text(encoding="utf-8")
