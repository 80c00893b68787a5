"""A warm process that forks a child for each job, and the client that tests talk to it with.

Starting Python with everything imported takes over a second; a fork of a process that has it takes milliseconds. The
nursery has one thread and opens nothing, so that forking it is safe; it kills a child when the child's time is up.
"""

import faulthandler
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path

from tests.kills.jobs import Job, Outcome, read_job, read_outcome

ROOT = Path(__file__).resolve().parents[2]
HANGS_S = 60
"""A child that takes so long says where it stands, and ends."""


class Nursery:
    """Runs jobs in children, as many at once as are asked for. Close it when done."""

    def __init__(self) -> None:
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | threads,
        )
        self._waiting: dict[int, Future[Outcome]] = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, job: Job) -> "Future[Outcome]":
        assert self._process.stdin is not None
        future: Future[Outcome] = Future()
        with self._lock:
            number = len(self._waiting)
            self._waiting[number] = future
            self._process.stdin.write(f"{number} {job.as_json()}\n".encode())
            self._process.stdin.flush()
        return future

    def run(self, job: Job) -> Outcome:
        outcome = self.start(job).result(timeout=120)
        assert not outcome.failure, outcome.failure
        assert outcome.told or outcome.killed, "the child ended without a word: see what it wrote to standard error"
        return outcome

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._reader.join(timeout=30)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            number, killed, text = line.decode().split(" ", 2)
            self._waiting[int(number)].set_result(read_outcome(text.strip(), killed=killed == "killed"))
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(RuntimeError("the nursery ended before its child did"))


def main() -> None:
    """Read jobs from standard input until it ends; write each child's outcome to standard output."""
    from tests.kills.children import warm_up
    from tests.kills.haste import make_haste

    make_haste()
    warm_up()
    children: dict[int, _Child] = {}
    jobs = sys.stdin.fileno()
    pending, open_ = b"", True
    while open_ or children:
        deadlines = [child.dies_at for child in children.values() if child.dies_at]
        patience = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        ready, _, _ = select.select([*([jobs] if open_ else []), *children], [], [], patience)
        for child in children.values():
            if child.dies_at and time.monotonic() >= child.dies_at:
                os.kill(child.process, signal.SIGKILL)
                child.dies_at = 0.0
        for descriptor in ready:
            if descriptor in children:
                if children[descriptor].drained(descriptor):
                    children.pop(descriptor).tell()
                continue
            read = os.read(jobs, 1 << 16)
            open_ = bool(read)
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                _fork(line.decode(), children)


class _Child:
    def __init__(self, number: str, process: int, dies_at: float) -> None:
        self.number, self.process, self.dies_at = number, process, dies_at
        self.heard = b""

    def drained(self, descriptor: int) -> bool:
        """Read what there is; true when the child has ended, however it did."""
        read = os.read(descriptor, 1 << 16)
        self.heard += read
        if not read:
            os.close(descriptor)
        return not read

    def tell(self) -> None:
        _, status = os.waitpid(self.process, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        text = "" if killed else self.heard.decode()
        sys.stdout.write(f"{self.number} {'killed' if killed else 'ended'} {text}\n")
        sys.stdout.flush()


def _fork(line: str, children: dict[int, _Child]) -> None:
    from tests.kills.children import as_child, warm_up

    number, _, text = line.partition(" ")
    job = read_job(text)
    if job.task == "warm up":
        warm_up(job.url)
        sys.stdout.write(f'{number} ended {{"said": "warm"}}\n')
        sys.stdout.flush()
        return
    reading, writing = os.pipe()
    started = time.monotonic()
    process = os.fork()
    if process:
        os.close(writing)
        children[reading] = _Child(number, process, started + job.kill.after_s if job.kill.after_s else 0.0)
        return
    os.close(reading)
    faulthandler.dump_traceback_later(HANGS_S, exit=True)
    os.write(writing, json.dumps(asdict(as_child(job))).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
