"""What keeps a gateway from starting is told before an engine is started for nothing."""

import asyncio
import socket
from pathlib import Path

import pytest

from tests.gateway.running import make_runtime, started
from web4_agent.backends.engines.scripted import ScriptedLauncher
from web4_agent.domain.errors import SettingsError
from web4_agent.gateway.serve import Gateway, Listening, _bound, _open_door


def test_a_port_that_is_taken_is_named_before_an_engine_is_started(tmp_path: Path) -> None:
    launcher = ScriptedLauncher()
    runtime = make_runtime(tmp_path, {}, launcher)
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"listen on 127.0.0.1:{number}: the port is taken") as caught:
            asyncio.run(Gateway(runtime).run(Listening("127.0.0.1", number), lambda _: None))
    assert "--port 0" in caught.value.hint
    assert launcher.started == []
    with started(runtime, launcher) as gateway:
        assert gateway.get("/readyz").status_code == 200
    runtime.close()


def test_an_address_that_is_not_of_this_machine_is_named(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path, {}, ScriptedLauncher())
    with pytest.raises(SettingsError):
        asyncio.run(Gateway(runtime).run(Listening("203.0.113.7", 0), lambda _: None))
    runtime.close()


def test_of_two_that_hold_one_port_the_slower_is_told() -> None:
    """Started at once, both may hold it while their engines start."""
    with _bound(Listening("127.0.0.1", 0)) as quicker:
        at = Listening("127.0.0.1", quicker.getsockname()[1])
        with _bound(at) as slower:
            _open_door(quicker)
            with pytest.raises(SettingsError, match=f"listen on 127.0.0.1:{at.port}: the port is taken"):
                _open_door(slower)
