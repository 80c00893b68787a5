"""The trainer's child processes of this test process: find them, kill one at a step."""

import signal
from collections.abc import Callable

import psutil

from web4_agent.backends.trainers import peft_trainer
from web4_agent.domain.training import TrainProgress


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if peft_trainer.WORKER_MODULE in child.cmdline()]


def kill_worker_at(step: int) -> Callable[[TrainProgress], None]:
    """A progress listener that kills the child, as a system short of memory does, when it reports that step."""

    def heard(progress: TrainProgress) -> None:
        if progress.step == step:
            for worker in workers():
                worker.send_signal(signal.SIGKILL)

    return heard
