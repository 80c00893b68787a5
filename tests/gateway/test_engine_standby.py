"""Versions that go forth and back: who is kept warm, who leaves when, and that nobody in use is ever stopped."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import pytest

from web4_agent.backends.engines.base import Endpoint, ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedEngine
from web4_agent.domain.errors import EngineError, IntegrityError
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.gateway.engine_room import EngineRoom, Swap
from web4_agent.storage.artifacts import hash_file

A, B, C = (ServedAdapter(AdapterVersion(name)) for name in ("a-one", "a-two", "a-three"))


@dataclass
class Launcher:
    """Engines of this process alone. `fails` names versions that don't come up, `waits` those held until `may_start`;
    `while_starting` is called between an engine's start and its first answer."""

    started: list[ScriptedEngine] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    waits: set[str] = field(default_factory=set)
    may_start: threading.Event = field(default_factory=threading.Event)
    while_starting: Callable[[], object] = lambda: None
    name: str = "still"

    def start(self, adapter: ServedAdapter) -> ScriptedEngine:
        if adapter.version in self.fails:
            raise EngineError(f"{adapter.version} does not come up", "change the test")
        if adapter.version in self.waits:
            assert self.may_start.wait(20)
        engine = ScriptedEngine(Script(), adapter, _endpoint=Endpoint("http://127.0.0.1:1"))
        self.started.append(engine)
        self.while_starting()
        return engine

    @property
    def names(self) -> list[str]:
        return [engine.adapter.version for engine in self.started]


@dataclass
class Story:
    """A room whose `wants` is what should serve."""

    launcher: Launcher
    room: EngineRoom
    wants: list[ServedAdapter]
    swaps: list[Swap]

    async def serves(self, wanted: ServedAdapter) -> None:
        self.wants.append(wanted)
        await self.until(lambda: self.room.state.version == wanted.version)

    async def until(self, true: Callable[[], bool]) -> None:
        end = monotonic() + 10
        while not true():
            assert monotonic() < end, "it never came true"
            await asyncio.sleep(0.005)

    def engine(self, number: int) -> ScriptedEngine:
        return self.launcher.started[number]


@asynccontextmanager
async def story(launcher: Launcher | None = None, **policy: float) -> AsyncIterator[Story]:
    launcher, wants, swaps = launcher or Launcher(), [A], list[Swap]()
    room = EngineRoom(launcher, lambda: wants[-1], poll_s=0.005, swapped=swaps.append, **policy)
    await room.open()
    try:
        yield Story(launcher, room, wants, swaps)
    finally:
        await room.close()
        assert all(engine.closed for engine in launcher.started), "an engine outlived its room"


def tell(work: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(work())


def test_going_back_to_the_version_before_starts_nothing() -> None:
    async def told() -> None:
        async with story() as at:
            await at.serves(B)
            assert at.room.warm == (A.version,)
            await at.serves(A)
            held = await at.room.hold(1)
            assert (held.engine, held.version, at.room.warm) == (at.engine(0), A.version, (B.version,))
            assert at.launcher.names == [A.version, B.version]
            assert [(swap.version, swap.warm) for swap in at.swaps] == [(B.version, False), (A.version, True)]

    tell(told)


def test_an_engine_in_use_is_taken_back_and_never_stopped_when_versions_go_forth_and_back() -> None:
    async def told() -> None:
        async with story() as at:
            held = await at.room.hold(1)
            await at.serves(B)
            await at.serves(C)  # now A leaves, but for one answer
            await at.serves(A)
            assert at.launcher.names == [A.version, B.version, C.version]
            at.room.release(held)
            await asyncio.sleep(0.05)
            again = await at.room.hold(1)
            assert again.engine is held.engine
            assert (again.engine.alive, at.room.state.deaths) == (True, 0)
            await at.until(lambda: at.engine(1).closed)
            assert at.room.warm == (C.version,)

    tell(told)


def test_the_version_before_the_last_leaves_when_its_answer_is_out_and_not_before() -> None:
    async def told() -> None:
        async with story() as at:
            first, second = await at.room.hold(1), await at.room.hold(1)
            await at.serves(B)
            await at.serves(C)
            at.room.release(first)
            await asyncio.sleep(0.05)
            assert not at.engine(0).closed
            at.room.release(second)
            await at.until(lambda: at.engine(0).closed)
            assert not at.engine(1).closed

    tell(told)


def test_an_answer_that_never_ends_is_cut_after_the_time_that_is_given_to_drain() -> None:
    async def told() -> None:
        async with story(drain_s=0.5, warm_s=0) as at:
            await at.room.hold(1)
            await at.serves(B)
            assert not at.engine(0).closed
            await at.until(lambda: at.engine(0).closed)

    tell(told)


def test_a_version_is_kept_as_long_as_is_set_and_then_let_go() -> None:
    async def told() -> None:
        async with story(warm_s=1.0) as at:
            await at.serves(B)
            await asyncio.sleep(0.05)
            assert (at.engine(0).closed, at.room.warm) == (False, (A.version,))
            await at.until(lambda: at.engine(0).closed)
            assert at.room.warm == ()
            await at.serves(A)
            assert at.launcher.names == [A.version, B.version, A.version]

    tell(told)


def test_with_nothing_kept_the_old_engine_stops_when_it_has_finished() -> None:
    async def told() -> None:
        async with story(warm_s=0) as at:
            held = await at.room.hold(1)
            await at.serves(B)
            await asyncio.sleep(0.03)
            assert (at.room.warm, at.engine(0).closed) == ((), False)
            at.room.release(held)
            await at.until(lambda: at.engine(0).closed)

    tell(told)


def test_a_warm_engine_that_died_is_buried_quietly_and_started_again_when_it_is_wanted() -> None:
    async def told() -> None:
        async with story() as at:
            await at.serves(B)
            at.engine(0).closed = True
            await at.until(lambda: at.room.warm == ())
            assert (at.room.state.deaths, at.room.state.trouble, at.room.running) == (0, "", True)
            await at.serves(A)
            assert at.launcher.names == [A.version, B.version, A.version]
            assert not at.swaps[-1].warm

    tell(told)


def test_a_rollback_does_not_wait_for_a_version_that_is_still_coming_up() -> None:
    async def told() -> None:
        async with story(Launcher(waits={C.version})) as at:
            await at.serves(B)
            at.wants.append(C)
            await asyncio.sleep(0.05)
            await at.serves(A)
            at.launcher.may_start.set()
            await at.until(lambda: len(at.launcher.started) == 3 and at.engine(2).closed)
            assert (at.room.state.version, at.room.state.trouble) == (A.version, "")
            assert [swap.version for swap in at.swaps] == [B.version, A.version]

    tell(told)


def test_the_pause_after_a_version_that_fails_holds_up_no_other() -> None:
    async def told() -> None:
        async with story(Launcher(fails={B.version})) as at:
            at.wants.append(B)
            await at.until(lambda: "does not come up" in at.room.state.trouble)
            at.room._not_before += 600
            await at.serves(C)
            assert at.room.state.trouble == ""

    tell(told)


def test_a_version_that_fails_and_is_wanted_no_more_is_trouble_no_more() -> None:
    async def told() -> None:
        async with story(Launcher(fails={B.version})) as at:
            at.wants.append(B)
            await at.until(lambda: bool(at.room.state.trouble))
            assert at.room.state.version == A.version
            at.wants.append(A)
            await at.until(lambda: not at.room.state.trouble)

    tell(told)


def test_the_same_name_with_other_bytes_is_not_the_warm_version(tmp_path: Path) -> None:
    async def told() -> None:
        async with story() as at:
            await at.serves(B)
            file = tmp_path / "adapter"
            file.write_text("other bytes")
            other = ServedAdapter(A.version, file, hash_file(file))
            await at.serves(other)
            assert at.launcher.names == [A.version, B.version, A.version]
            assert (await at.room.hold(1)).engine.adapter == other

    tell(told)


def test_a_file_that_changed_while_the_engine_read_it_never_serves(tmp_path: Path) -> None:
    file = tmp_path / "adapter"
    file.write_text("judged")
    wanted = ServedAdapter(AdapterVersion("a-file"), file, hash_file(file))

    async def told() -> None:
        launcher = Launcher()
        async with story(launcher) as at:
            launcher.while_starting = lambda: file.write_text("changed")
            at.wants.append(wanted)
            await at.until(lambda: "recorded" in at.room.state.trouble)
            assert at.room.state.version == A.version
            assert at.engine(1).closed

    tell(told)


def test_no_room_opens_on_bytes_that_were_not_judged(tmp_path: Path) -> None:
    file = tmp_path / "adapter"
    file.write_text("bytes")
    wrong = ServedAdapter(AdapterVersion("a-file"), file, ContentHash("0" * 64))
    launcher = Launcher()
    with pytest.raises(IntegrityError, match="recorded 000000000000"):
        asyncio.run(EngineRoom(launcher, lambda: wrong).open())
    assert launcher.started[0].closed


def test_closing_stops_who_serves_who_is_warm_who_leaves_and_who_comes_up() -> None:
    async def told() -> None:
        launcher = Launcher(waits={BASE})
        async with story(launcher) as at:
            await at.room.hold(1)
            await at.serves(B)
            await at.serves(C)
            at.wants.append(ServedAdapter(BASE))
            await asyncio.sleep(0.03)
            threading.Timer(0.05, launcher.may_start.set).start()
        assert launcher.names == [A.version, B.version, C.version, BASE]

    tell(told)


def test_a_version_is_not_started_while_an_engine_of_its_name_is_being_stopped() -> None:
    stopped, may_stop, too_early = threading.Event(), threading.Event(), threading.Event()

    @dataclass(slots=True)
    class Slow(ScriptedEngine):
        def close(self) -> None:
            assert may_stop.wait(20)
            stopped.set()
            ScriptedEngine.close(self)

    @dataclass
    class SlowLauncher(Launcher):
        def start(self, adapter: ServedAdapter) -> ScriptedEngine:
            if len(self.started) == 2 and not stopped.is_set():
                too_early.set()
            engine = Slow(Script(), adapter, _endpoint=Endpoint("http://127.0.0.1:1"))
            self.started.append(engine)
            return engine

    async def told() -> None:
        async with story(SlowLauncher(), warm_s=0) as at:
            await at.serves(B)
            at.wants.append(A)
            await asyncio.sleep(0.05)
            may_stop.set()
            await at.until(lambda: at.room.state.version == A.version)
        assert not too_early.is_set()

    tell(told)


def test_a_start_that_breaks_on_a_bug_is_told_and_not_tried_again_at_once() -> None:
    async def told() -> None:
        launcher = Launcher()
        tries: list[int] = []

        def breaks() -> None:
            tries.append(1)
            raise KeyError("a bug")

        async with story(launcher) as at:
            launcher.while_starting = breaks
            at.wants.append(B)
            await at.until(lambda: "a bug" in at.room.state.trouble)
            began = monotonic()
            await asyncio.sleep(0.1)
            assert len(tries) <= 2 + 2 * (monotonic() - began)  # half a second apart, not a turn
            assert at.room.state.version == A.version
            launcher.while_starting = lambda: None
            for engine in launcher.started:  # the bug is in the launcher: nobody else knows of its engine
                engine.closed = engine.adapter == B or engine.closed

    tell(told)
