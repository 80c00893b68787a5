"""The llama.cpp engine's child process: `python -m web4_agent.backends.engines.llamacpp_child serve|score`.

Started by `llamacpp`, with its orders as one JSON line on standard input (so that no key shows in a process list).
`serve` runs llama.cpp's HTTP server and answers with its address; `score` reads score orders and answers each.
Both leave when standard input closes, which it does when the parent ends.
"""

import json
import os
import sys
from typing import Any, BinaryIO

from web4_agent.backends.engines.llamacpp_api import BatchScorer


def main() -> None:
    mode = sys.argv[1]
    answers = _own_stdout()
    orders = sys.stdin.buffer
    try:
        order = json.loads(orders.readline())
        if mode == "serve":
            _serve(order, orders, answers)
        else:
            _score(order, orders, answers)
    except (RuntimeError, ValueError, KeyError) as error:
        _say(answers, {"error": str(error)})
    os._exit(0)  # the server has no stop method, and its threads would hold an ordinary exit


def _serve(order: dict[str, Any], orders: BinaryIO, answers: BinaryIO) -> None:
    """Start the server, say where it listens, and wait for the parent to end."""
    import xllamacpp

    server = xllamacpp.Server(_parameters(xllamacpp, order))
    _say(answers, {"address": server.listening_address})
    while orders.read(1):
        pass


def _parameters(xllamacpp: Any, order: dict[str, Any]) -> Any:  # the package ships no types
    """Loopback, an ephemeral port, a key, no web page; one adapter at scale 1, fixed for life.

    `cache_ram_mib` 0: the prompt cache in memory outlives what it was computed with (llama.cpp issue 26207).
    """
    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["model"]
    if order["adapter"]:
        parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(order["adapter"], 1.0)]
    parameters.model_alias = {"web4-agent"}  # else its answers name the file
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [order["api_key"]]
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.cache_ram_mib = 0
    parameters.fit_params = False
    parameters.ctx_shift = False
    parameters.n_parallel = order["parallel"]
    parameters.n_ctx = order["context_tokens"] * order["parallel"]
    parameters.n_gpu_layers = order["gpu_layers"]
    parameters.cpuparams.n_threads = order["threads"]
    parameters.cpuparams_batch.n_threads = order["threads"]
    return parameters


def _score(order: dict[str, Any], orders: BinaryIO, answers: BinaryIO) -> None:
    """One order a line: a prompt and the texts that may follow it; one answer a line: tokens and log-probabilities."""
    scorer = BatchScorer.load(order)
    _say(answers, {"ready": True})
    for line in orders:
        wanted = json.loads(line)
        try:
            _say(answers, {"scores": scorer.score(wanted["prompt"], wanted["texts"], wanted["top"])})
        except RuntimeError as error:
            _say(answers, {"error": str(error)})


def _own_stdout() -> BinaryIO:
    """Keep standard output for answers alone: what the C library prints there goes to the log."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _say(answers: BinaryIO, message: dict[str, object]) -> None:
    answers.write(json.dumps(message).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
