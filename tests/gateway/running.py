"""A gateway that really listens, over a scripted engine: what the tests of its clients talk to."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.flows.fakes import KeptStore
from web4_agent import settings
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.engines.scripted import Script, ScriptedEngine, ScriptedLauncher
from web4_agent.bootstrap import Runtime
from web4_agent.domain.home import Home
from web4_agent.domain.ids import ContentHash
from web4_agent.domain.queries import Interaction, ResponseId
from web4_agent.flows.founding import FoundingParts, found, make_folders
from web4_agent.gateway.serve import Gateway, Listening
from web4_agent.records import interactions

LONGEST_START_S = 30.0


@dataclass
class Running:
    """`url` ends before `/v1`; `home` and `database` are the gateway's own."""

    url: str
    runtime: Runtime
    gateway: Gateway
    launcher: ScriptedLauncher

    @property
    def engine(self) -> ScriptedEngine:
        """The newest engine."""
        return self.launcher.started[-1]

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return httpx.post(self.url + path, json=body, headers=headers, timeout=20, trust_env=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, timeout=20, trust_env=False)

    def chat(self, question: str, **more: Any) -> httpx.Response:
        body = {"model": "web4-agent", "messages": [{"role": "user", "content": question}], **more}
        return self.post("/v1/chat/completions", body)

    def logged(self, response: str) -> Interaction:
        """The log's row, waited for."""
        for _ in range(100):
            with self.runtime.database.read() as connection:
                row = interactions.get(connection, ResponseId(response))
            if row is not None:
                return row
            threading.Event().wait(0.05)
        raise AssertionError(f"{response} never came into the log")


def make_runtime(root: Path, overrides: Mapping[str, object], launcher: ScriptedLauncher) -> Runtime:
    """A founded home without a model in it."""
    home = Home(root / "home")
    make_folders(home, settings.as_toml({"engine.kind": "scripted", **overrides}))
    runtime = Runtime(home, settings.load(home.root, {}))
    runtime.__dict__["launcher"] = launcher
    runtime.__dict__["_embedder"] = ScriptedEmbedder()
    store = KeptStore()
    runtime.__dict__["open_store"] = lambda: store
    parts = FoundingParts(lambda: runtime.database, lambda _: ContentHash("0" * 64), lambda _: None, runtime.now)
    found(parts, lambda _: None)
    runtime.check()
    return runtime


@contextmanager
def running(
    root: Path, script: Script | None = None, *, host: str = "127.0.0.1", **overrides: object
) -> Iterator[Running]:
    """`overrides`: settings with `__` for the dot: `gateway__queue=0`."""
    launcher = ScriptedLauncher(script or Script())
    runtime = make_runtime(root, {key.replace("__", "."): value for key, value in overrides.items()}, launcher)
    with started(runtime, launcher, host) as found_running:
        yield found_running
    runtime.close()


@contextmanager
def started(runtime: Runtime, launcher: ScriptedLauncher, host: str = "127.0.0.1") -> Iterator[Running]:
    gateway = Gateway(runtime)
    thread = _Thread(gateway, host)
    thread.start()
    try:
        yield Running(thread.wait_ready(), runtime, gateway, launcher)
    finally:
        gateway.stop()
        thread.join(LONGEST_START_S)
        assert not thread.is_alive(), "the gateway did not stop"
    if thread.failure is not None:
        raise thread.failure


@dataclass(eq=False)
class _Thread(threading.Thread):
    gateway: Gateway
    host: str
    address: str = ""
    failure: BaseException | None = None
    changed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name="gateway", daemon=True)

    def run(self) -> None:
        try:
            asyncio.run(self.gateway.run(Listening(self.host, 0), self._ready))
        except BaseException as error:  # noqa: BLE001 - handed to the test that started the thread
            self.failure = error
        self.changed.set()

    def wait_ready(self) -> str:
        assert self.changed.wait(LONGEST_START_S), "the gateway did not come up"
        if self.failure is not None:
            raise self.failure
        return self.address

    def _ready(self, address: str) -> None:
        self.address = address
        self.changed.set()
