"""The trainer's child process: `python -m web4_agent.backends.trainers.peft_worker`, one job on stdin, then gone.

Started by `peft_trainer`, which keeps stdin open: when it closes, the parent is gone and so is this process. What the
libraries print goes to stderr, so that stdout holds the protocol alone. Exit code: 0, or that of the error it reported.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from web4_agent.backends.trainers.base import TrainJob
from web4_agent.backends.trainers.worker_protocol import Job, Said, decode_compute, decode_job, encode_said
from web4_agent.domain.errors import TrainingError, Web4Error

if TYPE_CHECKING:
    from web4_agent.backends.trainers.placement import Placement

log = logging.getLogger("web4_agent.trainer")

PARENT_GONE = 75
MEMORY_WORDS = ("allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def main() -> int:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(format="%(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    line = sys.stdin.readline()
    job = decode_job(line)
    threading.Thread(target=_die_with_parent, daemon=True).start()

    def say(said: Said) -> None:
        answers.write(encode_said(said) + "\n")
        answers.flush()

    try:
        prepare_torch()
        from web4_agent.backends.trainers.placement import place

        say(_run(job, say, place(decode_compute(line))))
    except Web4Error as error:
        say(error)
        return error.exit_code
    except MemoryError:
        say(_out_of_memory())
        return TrainingError.exit_code
    return 0


def _run(job: Job, progress: Callable[[Said], None], placement: "Placement") -> Said:
    log.info("trainer.placed on=%s", placement)
    try:
        if isinstance(job, TrainJob):
            from web4_agent.backends.trainers.training_loop import train

            return train(job, progress, placement)
        from web4_agent.backends.trainers.scoring import score

        return score(job, placement)
    except RuntimeError as error:
        if not any(words in str(error) for words in MEMORY_WORDS):  # torch has a class for a GPU's memory only
            raise
        raise (_out_of_memory() if placement.on_cpu else _out_of_gpu_memory(job, placement)) from error


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


def _out_of_gpu_memory(job: Job, placement: "Placement") -> TrainingError:
    """What to lower, with the values it has now: a pack is as long as a step, or as its longest sample."""
    policy = job.policy if isinstance(job, TrainJob) else None
    said = f" (now {policy.tokens_per_step} and {policy.max_sample_tokens})" if policy else ""
    smaller = "" if placement.base_bits == 4 else "; set training.base_bits = 4 or a smaller model.base"
    return TrainingError(
        f"{placement}: the GPU ran out of memory",
        f"lower training.tokens_per_step or training.max_sample_tokens{said}{smaller}; or end what else uses the GPU, "
        "then run the night again: it continues",
    )


def _out_of_memory() -> TrainingError:
    return TrainingError(
        "training ran out of memory",
        "close other programs or lower training.max_sample_tokens, then run the night again",
    )


if __name__ == "__main__":
    sys.exit(main())
