"""Servers for the benchmarks of the gateway: a scripted engine, the gateway before one, LiteLLM's proxy before another.

Each is a process of its own, so that its CPU time and memory are its own.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from web4_agent.backends.engines.child_process import ChildProcess
from web4_agent.bootstrap import Runtime
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.flows.founding import FoundingParts, found, make_folders
from web4_agent.settings import as_toml, load

MODEL = "web4-agent"
LONGEST_START_S = 180.0
ANSWER = " ".join(f"word{n}" for n in range(33))
"""With the opening and the closing one, 35 events of a stream."""


@dataclass(frozen=True, slots=True)
class Server:
    """`url` ends before `/v1`; `process` is measured with its children, except those of `apart`."""

    name: str
    url: str
    key: str
    process: psutil.Process
    apart: bool = False

    def cpu_s(self) -> float:
        return float(sum(sum(one.cpu_times()[:2]) for one in self._processes()))

    def rss_mb(self) -> float:
        return float(sum(one.memory_info().rss for one in self._processes())) / 1e6

    def _processes(self) -> list[psutil.Process]:
        """The gateway's child is the engine, which stands for itself."""
        return [self.process] if self.apart else [self.process, *self.process.children(recursive=True)]


@contextmanager
def scripted_engine(question: str) -> Iterator[Server]:
    key = secrets.token_urlsafe(8)
    child = ChildProcess.start("web4_agent.backends.engines.scripted_child", [], Path(os.devnull), {})
    child.tell({"adapter": MODEL, "api_key": key, "answers": {question: ANSWER}, "event_ms": 0})
    try:
        yield Server("direct", child.answer(LONGEST_START_S).text("address"), key, psutil.Process(child.pid))
    finally:
        child.close()


def make_home(root: Path, overrides: dict[str, object]) -> Path:
    """A home without a model: the engine is scripted."""
    home = Home(root)
    make_folders(home, as_toml({"engine.kind": "scripted", **overrides}))
    runtime = Runtime(home, load(home.root, {}))
    found(FoundingParts(lambda: runtime.database, lambda _: ContentHash("0" * 64), lambda _: None, runtime.now), print)
    runtime.check()
    runtime.close()
    return root


@contextmanager
def gateway(home: Path, port: int = 0) -> Iterator[Server]:
    """`web4-agent serve` on a home that is there."""
    port = port or free_port()
    command = [sys.executable, "-m", "web4_agent.cli.main", "serve", "--home", str(home), "--port", str(port)]
    with _running(command, home / "logs" / "gateway.txt", {}) as process:
        wait_for(f"http://127.0.0.1:{port}/readyz", process)
        yield Server("gateway", f"http://127.0.0.1:{port}", "", psutil.Process(process.pid), apart=True)


@contextmanager
def litellm_proxy(program: Path, engine: Server, folder: Path) -> Iterator[Server]:
    port = free_port()
    params = {"model": f"openai/{MODEL}", "api_base": f"{engine.url}/v1", "api_key": engine.key}
    key = f"sk-{secrets.token_hex(32)}"  # it starts with none shorter
    config = {"model_list": [{"model_name": MODEL, "litellm_params": params}]}
    (folder / "litellm.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    command = [str(program), "--config", str(folder / "litellm.yaml"), "--port", str(port), "--host", "127.0.0.1"]
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MASTER_KEY": key,
    }
    with _running([*command, "--num_workers", "1"], folder / "litellm.txt", environment) as process:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", process)
        yield Server("LiteLLM", f"http://127.0.0.1:{port}", key, psutil.Process(process.pid))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    import httpx

    until = time.monotonic() + LONGEST_START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server of {url} ended with {process.returncode}")
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError(f"{url} did not answer in {LONGEST_START_S:g} s")


@contextmanager
def _running(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment})
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
