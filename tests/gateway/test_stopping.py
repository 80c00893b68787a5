"""A gateway that is told to stop ends well: what it answered is in the log, whatever the moment."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.gateway.running import make_runtime
from web4_agent.backends.engines.scripted import ScriptedLauncher
from web4_agent.domain.queries import ResponseId
from web4_agent.records import interactions


def test_a_terminated_gateway_writes_its_log_and_ends_with_code_zero(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path, {}, ScriptedLauncher())
    command = [sys.executable, "-m", "web4_agent.cli.main", "serve", "--port", "0", "--home", str(runtime.home.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
        try:
            assert gateway.stdout is not None
            lines = iter(gateway.stdout.readline, "")
            url = next(found[1] for line in lines if (found := re.search(r"(http://\S+)/v1", line)))
            body = {"model": "web4-agent", "messages": [{"role": "user", "content": "hello"}]}
            reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=20, trust_env=False)
        finally:
            gateway.send_signal(signal.SIGTERM)
            code = gateway.wait(30)
    assert code == 0
    with runtime.database.read() as connection:
        row = interactions.get(connection, ResponseId(reply.headers["x-web4-response-id"]))
    assert row is not None
    assert row.query == "hello"
    runtime.close()
