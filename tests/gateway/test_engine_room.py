"""The room on its own: engines that die while another takes its time to start."""

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import ScriptedEngine, ScriptedLauncher
from web4_agent.domain.ids import AdapterVersion
from web4_agent.gateway.engine_room import EngineRoom
from web4_agent.gateway.wire.errors import Refused


@dataclass(slots=True)
class SlowLauncher(ScriptedLauncher):
    """Engines after the first wait for `may_start`."""

    starting: threading.Event = field(default_factory=threading.Event)
    may_start: threading.Event = field(default_factory=threading.Event)

    def start(self, adapter: ServedAdapter) -> ScriptedEngine:
        if self.started:
            self.starting.set()
            assert self.may_start.wait(20)
        return ScriptedLauncher.start(self, adapter)


async def exchanging(launcher: SlowLauncher) -> EngineRoom:
    """A room whose engine has died while the next version is coming up."""
    wanted = [ServedAdapter(AdapterVersion("base"))]
    room = EngineRoom(launcher, lambda: wanted[-1], poll_s=0.02)
    await room.open()
    wanted.append(ServedAdapter(AdapterVersion("a-next")))
    assert await asyncio.to_thread(launcher.starting.wait, 20)
    child = launcher.started[0].child
    assert child is not None
    child.process.kill()
    await asyncio.to_thread(child.process.wait)
    return room


def test_nobody_is_sent_to_a_dead_engine_while_the_next_version_starts() -> None:
    async def story() -> None:
        launcher = SlowLauncher()
        room = await exchanging(launcher)
        asking = asyncio.create_task(room.hold(20))
        await asyncio.sleep(0.1)
        assert not asking.done()
        launcher.may_start.set()
        held = await asking
        assert (held.version, held.engine.alive, room.state.deaths) == ("a-next", True, 1)
        await room.close()

    asyncio.run(story())


def test_who_can_t_wait_for_the_next_version_is_told_to_come_again() -> None:
    async def story() -> None:
        launcher = SlowLauncher()
        room = await exchanging(launcher)
        with pytest.raises(Refused) as refused:
            await room.hold(0.05)
        assert (refused.value.status, refused.value.headers["retry-after"]) == (503, "5")
        launcher.may_start.set()
        assert (await room.hold(20)).version == "a-next"
        await room.close()

    asyncio.run(story())
