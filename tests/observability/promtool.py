"""Prometheus' own checker, where it is installed: `apt-get install prometheus`."""

import shutil
import subprocess

import pytest

FOUND = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(FOUND is None, reason="promtool is not installed: apt-get install prometheus")


def promtool(*arguments: str, told: bytes = b"", folder: str | None = None) -> subprocess.CompletedProcess[bytes]:
    assert FOUND is not None
    return subprocess.run([FOUND, *arguments], input=told, capture_output=True, timeout=120, check=False, cwd=folder)
