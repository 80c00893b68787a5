"""A child process that is told what to do on its standard input, answers in JSON lines, and dies with its parent.

Called by the llama.cpp engine, once for the server and once for the scorer. Knows nothing of models.

The child's end of standard input is its lifeline: the system closes it when the parent ends, however it ends, and the
child then leaves. Linux's parent-death signal would not do: it fires when the *thread* that started the child ends.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from web4_agent.backends.engines.http_json import Reply
from web4_agent.domain.errors import EngineError
from web4_agent.storage.atomic import translated_os_errors

_LOG_TAIL_BYTES = 2_000
_STOP_S = 5.0


@dataclass(slots=True)
class ChildProcess:
    """One running child. Not safe for use by two threads at once."""

    process: subprocess.Popen[bytes]
    log: Path
    hint: str
    _log_stream: IO[bytes] = field(repr=False)

    @classmethod
    def start(cls, module: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> "ChildProcess":
        """Run `python -m module arguments…`; its standard error goes to `log`. Secrets belong in `tell`, never here."""
        with translated_os_errors(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            stream = log.open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            env={**os.environ, **environment},
        )
        return cls(process, log, f"read {log}", stream)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def tell(self, message: Mapping[str, object]) -> None:
        """Send one line. Raises EngineError if the child is gone."""
        stdin = self.process.stdin
        try:
            if stdin is None:
                raise BrokenPipeError
            stdin.write(json.dumps(message).encode() + b"\n")
            stdin.flush()
        except (OSError, ValueError) as error:
            raise self.died() from error

    def answer(self, timeout_s: float) -> Reply:
        """The next line. Raises EngineError if none comes in time, if the child ends, or if it reports an error."""
        lines: list[bytes] = []
        reader = threading.Thread(target=self._read_line, args=(lines,), daemon=True)
        reader.start()
        reader.join(timeout_s)
        if reader.is_alive():
            self.close()
            raise EngineError(f"the engine did not answer in {timeout_s:g} s{self._tail()}", self.hint)
        try:
            reply = Reply(json.loads(lines[0]), self.hint)
        except (IndexError, ValueError) as error:
            raise self.died() from error
        if reply.has("error"):
            raise EngineError(f"the engine reports: {reply.text('error')}{self._tail()}", self.hint)
        return reply

    def died(self) -> EngineError:
        """The error to raise when the child is gone: how it ended, and the end of its log."""
        self.close()
        return EngineError(f"the engine died (exit code {self.process.returncode}){self._tail()}", self.hint)

    def close(self) -> None:
        """Kill the child (it holds nothing that needs saving) and reap it. Closing twice is no error."""
        if self.alive:
            self.process.kill()
        self.process.wait(_STOP_S)
        for stream in (self.process.stdin, self.process.stdout, self._log_stream):
            if stream is not None and not stream.closed:
                _close_quietly(stream)

    def __enter__(self) -> "ChildProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_line(self, lines: list[bytes]) -> None:
        stdout = self.process.stdout
        if stdout is not None:
            try:
                lines.append(stdout.readline())
            except ValueError:  # closed by another thread while it was read: the caller sees no line
                return

    def _tail(self) -> str:
        try:
            text = self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [line for line in text.splitlines() if line.strip()][-5:]
        return "; its log ends: " + " | ".join(lines) if lines else ""


def _close_quietly(stream: IO[bytes]) -> None:
    """A pipe to a dead child can't be flushed; there is nothing left to say to it."""
    try:
        stream.close()
    except OSError:
        return
