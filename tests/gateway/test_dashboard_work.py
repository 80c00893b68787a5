"""What goes on behind a page: one thing at a time, its errors told where somebody looks."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from web4_agent.domain.errors import BusyError, VectorStoreError
from web4_agent.gateway.dashboard.wording import change, count, duration, milliseconds, moment, percent
from web4_agent.gateway.dashboard.work import Begun, Say, Work

NOW = datetime(2026, 3, 2, 22, tzinfo=UTC)


def run(story: "Callable[[Work], object]") -> Work:
    async def go() -> Work:
        work = Work(lambda: NOW)
        told = story(work)
        if asyncio.iscoroutine(told):
            await told
        return work

    return asyncio.run(go())


def ended(work: Work) -> bool:
    return work.job is not None and work.job.ended_utc is not None


def test_a_job_that_ends_at_once_says_what_came_of_it() -> None:
    async def story(work: Work) -> None:
        begun = await work.begin("Rollback", lambda say, enough: "a serves in place of b")
        assert begun.sentence == "a serves in place of b."

    job = run(story).job
    assert job is not None
    assert (job.doing, job.ended_utc, job.wrong) == ("a serves in place of b", NOW, False)


def test_the_page_waits_no_longer_than_it_must_and_another_job_waits_its_turn() -> None:
    gate = threading.Event()

    def do(say: Say, enough: Say) -> str:
        enough("a serves")
        gate.wait(30)
        say("people are told")
        return "done"

    async def story(work: Work) -> None:
        begun = await work.begin("Rollback", do, 30)
        assert begun == Begun("a serves", ended=False)
        with pytest.raises(BusyError, match="at work: Rollback"):
            await work.begin("Forgetting", lambda say, enough: "never")
        gate.set()

    job = run(story).job
    assert job is not None
    assert job.name == "Rollback"


def test_an_error_before_the_answer_is_the_page_s_and_a_later_one_is_shown() -> None:
    def at_once(say: Say, enough: Say) -> str:
        raise BusyError("another run holds it", "wait")

    def later(say: Say, enough: Say) -> str:
        enough("a serves; the vectors follow")
        gate.wait(30)
        raise VectorStoreError("the store is locked", "web4-agent doctor --fix")

    gate = threading.Event()

    async def story(work: Work) -> None:
        with pytest.raises(BusyError, match="holds it"):
            await work.begin("Rollback", at_once)
        assert not ended(work)
        assert not (await work.begin("Rollback", later, 30)).ended
        gate.set()
        for _ in range(3000):
            await asyncio.sleep(0.01)
            if ended(work):
                return

    job = run(story).job
    assert job is not None
    assert (job.wrong, job.doing) == (True, "the store is locked; web4-agent doctor --fix")


def test_figures_are_written_one_way_and_what_is_none_as_none() -> None:
    assert [percent(None), percent(0.5512, 1), percent(float("nan"))] == ["–", "55.1 %", "–"]
    assert [milliseconds(0), milliseconds(1234.4), milliseconds(65_000)] == ["–", "1,234 ms", "65.0 s"]
    assert [change(-0.0251), change(0.0251), change(None)] == ["−0.025", "+0.025", "–"]
    assert [duration(4), duration(75), duration(1560), duration(7300), duration(400_000)] == [
        "4 s", "1 min 15 s", "26 min", "2 h 01 min", "4 days",
    ]  # fmt: skip
    assert count(1_000_000) == "1,000,000"
    assert moment(NOW) == '<time datetime="2026-03-02T22:00Z">2026-03-02 22:00</time>'
