"""`web4-agent up`: the gateway and the timetable in one process, for those who want no crontab."""

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from web4_agent.cli.options import HomeOption
from web4_agent.cli.screen import console

if TYPE_CHECKING:
    from web4_agent.bootstrap import Runtime

_STOP_S = 60.0
"""Longer than a job takes to be stopped, see steps/timetable/child."""
_BUG = 70


def command(
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; else gateway.host.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port; else gateway.port; 0: a free one.")] = None,
) -> None:
    """Answer people's programs, and index, train and validate at the times of the timetable, until stopped."""
    from web4_agent.bootstrap import open_home
    from web4_agent.gateway.serve import Listening, serve

    runtime = open_home(home)
    chosen = runtime.settings.gateway
    out = console()

    def say(line: str) -> None:
        out.print(f"{runtime.now().astimezone():%H:%M:%S} {line}", markup=False, soft_wrap=True)

    background = Background(runtime, say)

    def ready(address: str) -> None:
        say(f"{chosen.model} answers at {address}/v1 (OpenAI) and {address} (Ollama)")
        say(f"dashboard: {address}/dashboard/")
        background.start()

    say("starting the engine …")
    try:
        with runtime.log_lines():
            serve(runtime, Listening(host or chosen.host, chosen.port if port is None else port), ready)
    finally:
        say("stopping …")
        background.stop()
        runtime.close()
    if background.broken:
        raise typer.Exit(_BUG)


class Background:
    """The threads beside the gateway: the timetable, whose jobs are child processes, and the delivery of alerts."""

    def __init__(self, runtime: "Runtime", say: Callable[[str], None]) -> None:
        from web4_agent.flows.timetable import each_minute, keep

        self.broken = False
        self._stop = threading.Event()
        self._say = say
        parts = runtime.timetable_parts(self._stop, say)
        self._threads = [
            self._thread("timetable", lambda: keep(parts)),
            self._thread("alerts", lambda: each_minute(self._stop, runtime.deliver_alerts)),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Tell a job that runs to stop, and wait for it: what it committed is kept, the rest is done next time."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_STOP_S)

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """A thread whose unforeseen end is the end of the process: a gateway whose nights silently stopped would look
        well for weeks, and what supervises this process starts it again."""

        def run() -> None:
            try:
                work()
            finally:
                if not self._stop.is_set():
                    self.broken = True
                    self._say(f"the {name} ended by a bug; its traceback is on standard error")
                    os.kill(os.getpid(), signal.SIGTERM)

        return threading.Thread(target=run, name=name, daemon=True)
