"""The trainer's child process: `python -m web4_agent.backends.trainers.peft_worker`, one job on stdin, then gone.

Started by `peft_trainer`, which keeps stdin open: when it closes, the parent is gone and so is this process. What the
libraries print goes to stderr, so that stdout holds the protocol alone. Exit code: 0, or that of the error it reported.
"""

import os
import sys
import threading
from collections.abc import Callable

from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.worker_protocol import Job, Said, decode_job, encode_said
from web4_agent.domain.errors import TrainingError, Web4Error

PARENT_GONE = 75


def main() -> int:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = decode_job(sys.stdin.readline())
    threading.Thread(target=_die_with_parent, daemon=True).start()

    def say(said: Said) -> None:
        answers.write(encode_said(said) + "\n")
        answers.flush()

    try:
        prepare_torch()
        say(_run(job, say))
    except Web4Error as error:
        say(error)
        return error.exit_code
    except MemoryError:
        say(_out_of_memory())
        return TrainingError.exit_code
    return 0


def _run(job: Job, progress: Callable[[Said], None]) -> Said:
    try:
        if isinstance(job, TrainJob):
            from web4_agent.backends.trainers.training_loop import train

            return train(job, progress)
        from web4_agent.backends.trainers.scoring import score

        return score(job)
    except RuntimeError as error:
        if not _tells_of_memory(error):
            raise
        raise _out_of_memory() from error


def _tells_of_memory(error: RuntimeError) -> bool:
    """By its words: torch has a class for a GPU's memory and none for the machine's."""
    return "allocate memory" in str(error) or "out of memory" in str(error)


def prepare_torch() -> None:
    """Threads from OMP_NUM_THREADS; the same job gives the same bits. Nothing reads memory it did not write, so new
    tensors need no filling."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.use_deterministic_algorithms(mode=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # set through a module class
    torch.set_flush_denormal(True)


def _die_with_parent() -> None:
    """Block until stdin ends. `os._exit`, because the main thread may be deep in a matrix product; `os.read`, because
    a thread that holds the lock of sys.stdin breaks the interpreter's own end."""
    while os.read(0, 4096):
        pass
    os._exit(PARENT_GONE)


def _out_of_memory() -> TrainingError:
    return TrainingError(
        "training ran out of memory",
        "close other programs or lower training.max_sample_tokens, then run the night again",
    )


if __name__ == "__main__":
    sys.exit(main())
