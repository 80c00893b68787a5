"""What the demo says to type next."""

from pathlib import Path

import pytest

from web4_agent.cli.demo import program_as_typed


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "web4-agent"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_a_program_that_the_shell_finds_goes_by_its_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    assert program_as_typed(str(installed)) == "web4-agent"


def test_one_that_it_does_not_find_goes_by_the_path_it_was_called_by(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert program_as_typed(str(installed)) == str(installed)
    assert program_as_typed("/elsewhere/python") == "web4-agent"
