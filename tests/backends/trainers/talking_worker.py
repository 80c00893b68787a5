"""A child that stands in for the trainer's: says what its script says, without a model. Started by the parent's tests.

The script is the id of the job's first sample: `killed`, `crashed`, `nonsense`, `silent`, `refused` or `endless`.
"""

import os
import signal
import sys
import time

from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.worker_protocol import decode_job, encode_said
from web4_agent.domain.errors import DiskFullError
from web4_agent.domain.training import TrainProgress


def main() -> int:
    job = decode_job(sys.stdin.readline())
    assert isinstance(job, TrainJob)
    script = job.samples[0].id
    print(encode_said(TrainProgress(1, 9, 2.5, 0.0, 100, 1.0, 8.0)), flush=True)  # noqa: T201 - the protocol is stdout
    print(f"script: {script}", file=sys.stderr, flush=True)  # noqa: T201 - the log is stderr
    if script == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if script == "crashed":
        os.kill(os.getpid(), signal.SIGSEGV)
    if script == "nonsense":
        print("Loading weights: 100%", flush=True)  # noqa: T201 - what a careless library prints
    if script == "refused":
        print(encode_said(DiskFullError("no space left", "free some")), flush=True)  # noqa: T201 - as above
        return DiskFullError.exit_code
    if script == "endless":
        time.sleep(600)
    return 0 if script == "silent" else 3


if __name__ == "__main__":
    sys.exit(main())
