"""Versions change while people stream: nothing fails, nothing is cut, and everyone is told who answered."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.gateway.running import Running, running
from tests.gateway.swapping import SwapLoad, drive, promote, wrongs
from tests.gateway.test_bad_days import wait_until
from tests.gateway.test_soak import metric
from web4_agent.domain.ids import AdapterVersion
from web4_agent.records import adapters
from web4_agent.storage.lock import exclusive

REFRESH_S = "web4_agent.gateway.serve._REFRESH_S"
LOAD = SwapLoad(swaps=6, rollbacks=2, clients=4, quiet_s=0.1, pause_s=0.05)


def test_swaps_and_rollbacks_under_streaming_clients_cost_no_request_and_no_stream(tmp_path: Path) -> None:
    with running(tmp_path, gateway__parallel=8) as gateway:
        run = asyncio.run(drive(gateway.url, gateway.runtime, LOAD))
        gateway.logged(run.answers[-1].response)
        swaps = metric(gateway, "web4_engine_swaps_total")
        warm = metric(gateway, 'web4_engine_swap_seconds_count{engine="warm"}')
        deaths = metric(gateway, "web4_engine_deaths_total")
    assert {kind: lines for kind, lines in wrongs(run, gateway.runtime).items() if lines} == {}
    assert [move.by_command for move in run.moves].count(True) == LOAD.rollbacks
    assert (len(run.moves), warm, deaths) == (LOAD.swaps + LOAD.rollbacks - 1, LOAD.rollbacks, 0)
    assert swaps >= len(run.moves)
    across = [
        answer for answer in run.answers for move in run.moves if answer.began < move.began < move.served < answer.ended
    ]
    assert across or any(answer.began < move.served < answer.ended for answer in run.answers for move in run.moves)
    assert {answer.adapter for answer in run.answers} >= {move.target for move in run.moves}


def moved_only(gateway: Running, version: str) -> None:
    """The pointer as a rollback leaves it that is killed right after its commit."""
    with gateway.runtime.database.begin() as connection:
        adapters.move_pointer(connection, AdapterVersion(version), "killed", gateway.runtime.now())


def test_a_gateway_ends_what_a_killed_rollback_left_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REFRESH_S, 0.05)
    with running(tmp_path) as gateway:
        promote(gateway.runtime, "a-next")
        wait_until(lambda: gateway.get("/readyz").json()["adapter"] == "a-next")
        with exclusive(gateway.runtime.home.night_lock, doing="a rollback that is still at it"):
            moved_only(gateway, "base")
            time.sleep(0.3)
            assert gateway.chat("who?").headers["x-web4-adapter"] == "a-next"
        wait_until(lambda: gateway.get("/readyz").json()["adapter"] == "base")
        assert '"base"' in gateway.runtime.home.serving.read_text()
