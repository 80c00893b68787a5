import subprocess
import sys
from pathlib import Path

import pytest

from web4_agent.domain.errors import BusyError
from web4_agent.storage.lock import exclusive

HOLD = (
    "import sys,pathlib;from web4_agent.storage.lock import exclusive\n"
    "with exclusive(pathlib.Path(sys.argv[1]), doing='a test'):\n    print('held', flush=True); sys.stdin.read()"
)


def test_a_second_holder_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "night.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=rf"a test \(process {other.pid}\)"), exclusive(path, doing="me"):
            pass
        other.kill()
    with exclusive(path, doing="me"):
        assert path.exists()


def test_the_lock_is_free_after_its_body(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "lock", doing="me"):
            pass
    with pytest.raises(ValueError, match="inside"), exclusive(tmp_path / "lock", doing="me"):
        raise ValueError("inside")
    with exclusive(tmp_path / "lock", doing="me"):
        assert (tmp_path / "lock.holder").exists() or (tmp_path / "lock").with_suffix(".holder").exists()
