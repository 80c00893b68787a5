"""A small soak: everything at once, while engines die and versions change."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from tests.gateway.accounts import problems
from tests.gateway.running import Running, running
from tests.gateway.test_bad_days import serve_version, wait_until
from tests.gateway.traffic import Ending, Kind, Load, Outcome, Run, Target, drive, plan

LOAD = Load(requests=300, clients=16, seed=7, kill_every=110, swap_every=170)


def kill(gateway: Running) -> None:
    child = gateway.engine.child
    if child is not None:
        child.process.kill()


def metric(gateway: Running, name: str) -> float:
    lines = gateway.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_mixed_traffic_is_answered_and_logged_once_while_engines_die_and_versions_change(tmp_path: Path) -> None:
    with running(tmp_path, gateway__parallel=8) as gateway:
        target = Target(gateway.url, lambda: kill(gateway), lambda version: serve_version(gateway, version))
        run = asyncio.run(drive(LOAD, target))
        wait_until(lambda: gateway.get("/readyz").json().get("adapter") == run.versions[-1])
        last = gateway.chat("who serves now?")
        wait_until(lambda: not metric(gateway, "web4_requests_running"))
        free = [metric(gateway, f"web4_requests_{name}") for name in ("running", "waiting")]
        times = {name: metric(gateway, f"web4_engine_{name}_total") for name in ("deaths", "swaps")}
        trouble = gateway.get("/healthz").json()["trouble"]
    found = {heading: lines for heading, lines in problems(run, gateway.runtime.database).items() if lines}
    assert not found
    assert (free, trouble) == ([0.0, 0.0], "")
    assert len(run.outcomes) == LOAD.requests
    assert {outcome.asked.kind for outcome in run.outcomes} == set(Kind)
    assert len(run.kills) == 2
    assert times["deaths"] >= 1
    assert run.versions == ["base", "a-soak7-1"]
    assert last.headers["x-web4-adapter"] == "a-soak7-1"


def test_equal_seeds_plan_equal_traffic() -> None:
    assert plan(50, 3) == plan(50, 3)
    assert plan(50, 3) != plan(50, 4)


def test_the_accounts_name_what_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path) as gateway:
        began = datetime.now(UTC)
        good, unlogged, strange, hung = [one for one in plan(80, 2) if one.kind is Kind.CHAT][:4]
        reply = gateway.chat(f"{good.word} [adapter]")
        response = reply.headers["x-web4-response-id"]
        gateway.logged(response)
        fine = Outcome(good, 0.0, 1.0, 200, response, "base", "base", Ending.WHOLE)
        wrong = Outcome(good, 0.0, 1.0, 200, response, "base", "a-other", Ending.WHOLE)
        lost = Outcome(unlogged, 0.0, 1.0, 200, "w4-0", "base", "base", Ending.WHOLE)
        failed = Outcome(strange, 0.0, 1.0, 502, ending=Ending.REFUSED, retry_after=True)
        waiting = Outcome(hung, 0.0, 90.0, ending=Ending.HUNG)
        assert not any(problems(Run([fine], versions=["base"], began_utc=began), gateway.runtime.database).values())
        bad = Run([wrong, lost, failed, waiting], versions=["base"], began_utc=began)
        found = problems(bad, gateway.runtime.database)
    assert [len(found[heading]) for heading in ("hung requests", "wrong adapter", "unexpected")] == [1, 1, 1]
    assert len(found["not in the log exactly once"]) == 3
