"""Backup and restore beside a gateway that answers: no request fails, no query is lost, the answer follows."""

import threading
from pathlib import Path

from tests.gateway.running import Running, running
from web4_agent.domain.adapters import Adapter, AdapterState
from web4_agent.domain.ids import BASE, AdapterVersion
from web4_agent.domain.queries import ResponseId
from web4_agent.flows.backing_up import back_up, restore
from web4_agent.records import adapters, interactions
from web4_agent.steps.promote import CONFIG, WEIGHTS, converge, version_of


def promote(gateway: Running) -> AdapterVersion:
    """An adapter takes over, as at the end of a night."""
    home, runtime = gateway.runtime.home, gateway.runtime
    folder = home.adapters / "made"
    folder.mkdir()
    for name in (CONFIG, WEIGHTS, runtime.exporter.artefact_name):
        (folder / name).write_text(f"{name} of tonight")
    version, weights, artefact = version_of(folder, runtime.exporter.artefact_name)
    folder.rename(home.adapter(version))
    adapter = Adapter(version, BASE, AdapterState.PROMOTED, artefact, weights, None, 1.0, runtime.now())
    with runtime.database.begin() as connection:
        adapters.add(connection, adapter)
        adapters.move_pointer(connection, version, "a test", runtime.now())
    converge(adapter, home, runtime.exporter.artefact_name)
    return version


def wait_for(gateway: Running, version: AdapterVersion) -> None:
    for _ in range(200):
        if gateway.engine.adapter.version == version:
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{version} never served")


def test_a_gateway_answers_through_backup_and_restore_and_follows_them(tmp_path: Path) -> None:
    with running(tmp_path) as gateway:
        parts = gateway.runtime.backup_parts()
        before = gateway.chat("what is this?")
        newest = promote(gateway)
        made = back_up(parts)
        answered, stop = [before], threading.Event()

        def ask() -> None:
            while not stop.is_set():
                answered.append(gateway.chat("and now?"))

        people = threading.Thread(target=ask)
        people.start()
        try:
            with gateway.runtime.database.begin() as connection:
                adapters.move_pointer(connection, BASE, "a test", gateway.runtime.now())
            back_up(parts)
            for _ in range(3):
                restore(parts, made.path.name)
        finally:
            stop.set()
            people.join()
        wait_for(gateway, newest)
        answered.append(gateway.chat("who answers?"))
        assert [one.status_code for one in answered] == [200] * len(answered)
        names = [ResponseId(one.json()["id"]) for one in answered]
        assert gateway.logged(names[-1]).adapter == newest
        with gateway.runtime.database.read() as connection:
            assert interactions.known(connection, names) == set(names)
            assert adapters.read_pointer(connection).production == newest
