"""The trainer's child process, which trains one step and ends as DIES_OF says. Started in the real one's place."""

import os
import signal
import sys
from collections.abc import Callable

from web4_agent.backends.trainers import peft_worker
from web4_agent.backends.trainers.placement import Placement
from web4_agent.backends.trainers.worker_protocol import Job, Said


def _run(job: Job, progress: Callable[[Said], None], placement: Placement) -> Said:
    del job, progress, placement
    how = os.environ["DIES_OF"]
    if how == "MemoryError":
        raise MemoryError
    os.kill(os.getpid(), signal.Signals[how])
    raise AssertionError(how)


if __name__ == "__main__":
    peft_worker._run = _run
    peft_worker.prepare_torch = lambda: None
    sys.exit(peft_worker.main())
