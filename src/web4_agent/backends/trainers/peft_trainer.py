"""The trainer that ships: PyTorch, transformers and PEFT in a child process, so that memory and crashes are its own.

Chosen by bootstrap; called by the train and canary steps through `trainers.base`. This side imports none of these
libraries.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO

from tokenizers import Tokenizer

from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.peft_folder import interpolate, read_config, read_parameters
from web4_agent.backends.trainers.worker_protocol import (
    AS_THE_MACHINE,
    Job,
    Said,
    ScoreJob,
    decode_said,
    encode_job,
)
from web4_agent.domain.errors import ModelError, TrainingError, Web4Error
from web4_agent.domain.speech import TextScore
from web4_agent.domain.training import Compute, TrainedAdapter, TrainProgress
from web4_agent.storage.atomic import make_folder, translated_os_errors

WORKER_MODULE = "web4_agent.backends.trainers.peft_worker"
LOG_NAME = "trainer.log"
LOG_TAIL_BYTES = 2_000


class PeftTrainer:
    """`threads`: processor threads of the child; None for all. Results are equal bit for bit at equal `threads` and
    on equal devices; `compute` says on which."""

    def __init__(self, threads: int | None = None, compute: Compute = AS_THE_MACHINE) -> None:
        self._threads = threads or os.cpu_count() or 1
        self._compute = compute

    @property
    def name(self) -> str:
        libraries = ", ".join(f"{package} {version(package)}" for package in ("torch", "transformers", "peft"))
        asked = self._compute
        where = f", {asked.device}, {asked.precision}, {asked.base_bits} bits" if asked != AS_THE_MACHINE else ""
        return f"peft ({libraries}, {self._threads} threads{where})"

    def train(self, job: TrainJob, progress: Callable[[TrainProgress], None]) -> TrainedAdapter:
        _check(job)
        with translated_os_errors(job.work):
            make_folder(job.work)
            opened = (job.work / LOG_NAME).open("ab+")
        with opened as log:
            for said in self._answers(job, log):
                if isinstance(said, TrainProgress):
                    progress(said)
                elif isinstance(said, TrainedAdapter):
                    return said
            raise _no_answer(log)

    def scale(self, trained: TrainedAdapter, weight: float, out: Path) -> None:
        interpolate(trained.start, trained.folder, weight, out)

    def score(self, base: Path, adapter: Path | None, requests: Sequence[ScoreRequest]) -> list[TextScore]:
        if not requests:
            return []
        with tempfile.TemporaryFile("ab+") as log:
            for said in self._answers(ScoreJob(base, adapter, tuple(requests)), log):
                if isinstance(said, tuple):
                    return list(said)
            raise _no_answer(log)

    def token_counts(self, base: Path, texts: Sequence[str]) -> list[int]:
        path = base / "tokenizer.json"
        if not path.is_file():
            raise ModelError(f"there is no tokenizer.json in {base}", "web4-agent doctor --fix")
        tokenizer = Tokenizer.from_file(str(path))
        return [len(encoded.ids) for encoded in tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def _answers(self, job: Job, log: IO[bytes]) -> Iterator[Said]:
        """What the child says, until it ends well. Raises what it reported, or TrainingError if it died unheard."""
        with _child(self._threads, log) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(encode_job(job, self._compute) + "\n")
            child.stdin.flush()
            for line in child.stdout:
                said = _understood(line, log)
                if isinstance(said, Web4Error):
                    raise said
                yield said
            if child.wait() != 0:
                raise _died(child.returncode, log)


def child_environment(threads: int) -> dict[str, str]:
    """How the child computes: on so many threads, offline, quietly. Also the benchmark's."""
    return {
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait for each other sleep: the machine also serves by night
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "MKL_DYNAMIC": "FALSE",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # a GPU's products repeat to the bit with a workspace of fixed size
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "PYTHONUNBUFFERED": "1",
    }


def _check(job: TrainJob) -> None:
    """What can be refused before a child is started."""
    if not job.samples:
        raise TrainingError("no sample to learn from", "web4-agent status")
    if job.start is not None:
        read_config(job.start)
        read_parameters(job.start)


@contextmanager
def _child(threads: int, log: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
    """The child with its log as stderr; killed if the block is left before it ended."""
    child = subprocess.Popen(
        [sys.executable, "-m", WORKER_MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=child_environment(threads),
        text=True,
        encoding="utf-8",
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            pipe.close()


def _understood(line: str, log: IO[bytes]) -> Said:
    try:
        return decode_said(line)
    except (ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"the trainer answered nonsense: {error}", _tail(log)) from error


def _died(code: int, log: IO[bytes]) -> TrainingError:
    if code == -signal.SIGKILL:
        return TrainingError(
            "the trainer was killed, most likely for want of memory",
            "close other programs or lower training.max_sample_tokens, then run the night again: it continues",
        )
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return TrainingError(f"the trainer died with {how}", _tail(log))


def _no_answer(log: IO[bytes]) -> TrainingError:
    return TrainingError("the trainer ended without a result", _tail(log))


def _tail(log: IO[bytes]) -> str:
    """The end of the log, as a hint: what the child wrote to stderr last."""
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - LOG_TAIL_BYTES))
    text = log.read().decode(errors="replace").strip()
    return f"the end of its log ({LOG_NAME} in the run's work folder): {text}" if text else "its log is empty"
