"""What a hostile or broken world does to the commands: each names the thing, types the next command, loses nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DEMO_JOURNAL
from web4_agent.cli.main import run
from web4_agent.domain import errors


def test_a_read_only_place_for_a_home_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    code = run(["init", "--home", str(tmp_path / "file" / "home"), "--journal", str(DEMO_JOURNAL)])
    told = capsys.readouterr().err
    assert code == errors.HomeError.exit_code
    assert str(tmp_path / "file" / "home") in told
    assert "--home" in told


@pytest.mark.parametrize("model", ["nowhere.gguf", "some/where-else"])
def test_a_missing_model_is_named(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["init", "--home", str(tmp_path), "--model", model])
    assert code == errors.ModelError.exit_code
    assert model in capsys.readouterr().err
    assert not (tmp_path / "models" / "base").exists()


def test_a_full_disk_is_named_and_nothing_half_made_is_left(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the kernel refuses the write as a full disk's would."""
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, 20_000_000))\n"
        "from web4_agent.cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    arguments = ["init", "--home", str(tmp_path), "--journal", str(DEMO_JOURNAL)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == errors.DiskFullError.exit_code, done.stderr[-800:]
    assert "no space left" in done.stderr
    assert not (tmp_path / "models" / "base").exists()
