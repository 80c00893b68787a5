"""One real night with the default model, as a user types it: killed while it trains, continued, judged, asked."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import DEMO_JOURNAL

pytestmark = [pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(900)]

SMALL = {
    "WEB4_TRAINING__MAX_TOKENS": "3000",
    "WEB4_TRAINING__MAX_SAMPLE_TOKENS": "192",
    "WEB4_TRAINING__TOKENS_PER_STEP": "512",
    "WEB4_TRAINING__MINIMUM_SAMPLES": "5",
    "WEB4_TRAINING__LEARNING_RATE": "0.0005",
    "WEB4_GATE__ITEMS_PER_STRATUM": "10",
}


def web4(home: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "web4_agent.cli.main", *arguments, "--home", str(home)],
        env=os.environ | SMALL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in codes, done.stderr[-2000:]
    return done.stdout


def kill_while_training(home: Path) -> None:
    """Start the night and kill the process once its first training step is in the log."""
    with subprocess.Popen(
        [sys.executable, "-m", "web4_agent.cli.main", "evening", "--date", "2026-03-02", "--home", str(home)],
        env=os.environ | SMALL,
        stdout=subprocess.DEVNULL,
    ) as night:
        for _ in range(2400):
            logs = [path.read_text() for path in (home / "logs").glob("night-*.log")]
            if any("train.step step=1 " in text for text in logs):
                break
            assert night.poll() is None
            time.sleep(0.1)
        night.send_signal(signal.SIGKILL)


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """`web4-agent serve` on a free port, until the body is done."""
    command = [sys.executable, "-m", "web4_agent.cli.main", "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, env=os.environ | SMALL, stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        try:
            lines = iter(gateway.stdout.readline, "")
            yield next(found[1] for line in lines if (found := re.search(r"(http://\S+)/v1", line)))
        finally:
            gateway.terminate()
            code = gateway.wait(60)
        assert code == 0


def ask_the_gateway(home: Path, url: str, adapter: str) -> None:
    """What only a real engine can show: sources in an answer, forms forced by grammar, the protocols passed on."""

    def chat(question: str, **more: object) -> httpx.Response:
        messages = [{"role": "user", "content": question}]
        body = {"model": "web4-agent", "messages": messages, "max_tokens": 24, **more}
        return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120, trust_env=False)

    reply = chat("Show me the PDCA about moving berthd to another port")
    assert (reply.headers["x-web4-adapter"], reply.headers["x-web4-route"]) == (adapter, "history")
    assert "berthd-port-move" in reply.headers["x-web4-sources"]
    assert "[1] " in reply.json()["choices"][0]["message"]["content"]

    # Bounded, because a small model may count on until its tokens are spent, and half an object is no JSON.
    port = {"type": "integer", "minimum": 1, "maximum": 65535}
    schema = {"type": "object", "properties": {"port": port}, "required": ["port"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "port", "schema": schema}}
    choice = chat("Which port?", response_format=form, max_tokens=200).json()["choices"][0]
    assert choice["finish_reason"] == "stop", choice
    assert 1 <= json.loads(choice["message"]["content"])["port"] <= 65535

    body = {"model": "web4-agent", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}
    passed_on = httpx.post(f"{url}/v1/messages", json=body, timeout=120, trust_env=False)
    assert (passed_on.json()["type"], passed_on.json()["model"]) == ("message", "web4-agent:latest")
    assert str(home) not in passed_on.text

    response = reply.headers["x-web4-response-id"]
    thumb = {"response_id": response, "thumb": "up", "comment": "found it"}
    assert httpx.post(f"{url}/v1/feedback", json=thumb, timeout=30, trust_env=False).status_code == 200
    assert adapter in web4(home, "why", response)
    assert json.loads(web4(home, "satisfaction", "--json"))


def test_a_real_night_is_killed_continued_judged_and_asked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "golden: base" in web4(home, "init", "--journal", str(DEMO_JOURNAL))
    summary = json.loads(web4(home, "index", "--date", "2026-03-02", "--json"))
    assert (summary["found"], summary["new"]) == (7, 7)

    kill_while_training(home)
    assert "open: night-2026-03-02-1" in web4(home, "status")
    report = json.loads(web4(home, "evening", "--date", "2026-03-02", "--json", codes=(0, 1)))
    assert report["run"] == "night-2026-03-02-1"
    assert report["state"] in {"promoted", "rejected"}
    rules = {rule["rule"]: rule for rule in report["verdicts"][0]["rules"]}
    assert rules["export parity"]["passed"], rules["export parity"]["sentence"]
    assert rules["rescoring"]["passed"], rules["rescoring"]["sentence"]
    assert report["verdicts"][0]["scored_on"] == "served bytes"
    assert len(report["canaries"]) == 20

    answer = json.loads(web4(home, "ask", "Which port does berthd use?", "--retrieve", "--json"))
    assert answer["adapter"] == report["serving"]
    assert any("berthd-port-move" in source["document"] for source in answer["sources"])
    web4(home, "doctor")
    with serving(home) as url:
        ask_the_gateway(home, url, report["serving"])
