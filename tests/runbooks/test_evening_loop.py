"""Every command of the evening loop's runbook, on a home that is broken in the way its part says."""

import errno
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.flows.fakes import forgets
from tests.flows.pages import page, write
from tests.runbooks.stage import Scene, Stage, damage, play, raise_curtain, scenes, two_nights
from web4_agent.backends.engines.base import ServedAdapter
from web4_agent.backends.engines.scripted import Script, ScriptedEngine, ScriptedLauncher
from web4_agent.backends.trainers.scripted import ScriptedTrainer
from web4_agent.bootstrap import Runtime
from web4_agent.domain.errors import EngineError, TrainingError
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.jobs import JobName, JobRun, JobState
from web4_agent.domain.speech import Message
from web4_agent.flows.backing_up import back_up
from web4_agent.records import documents, jobs, runs
from web4_agent.steps.projection import BUFFER
from web4_agent.storage import atomic
from web4_agent.storage.lock import exclusive

PAGE = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "evening_loop_troubleshooting.md"
SCENES = {scene.title: scene for scene in scenes(PAGE)}
Breaker = Callable[[Stage, pytest.MonkeyPatch], None]


class Taking(BaseHTTPRequestHandler):
    """Takes whatever is sent to it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


class Killed(BaseException):
    """Stands for the end of the process."""


def cut_off(stage: Stage, _: pytest.MonkeyPatch) -> None:
    def reached(point: str) -> None:
        if point == "train.done":
            raise Killed

    with pytest.raises(Killed):
        stage.world.night(datetime.now(UTC).date(), reached=reached)
    with stage.world.database.read() as connection:
        run = runs.open_run(connection, "night")
    assert run is not None
    stage.words["RUN"] = run.id


def rejected(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.world.effect = forgets
    stage.words["RUN"] = f"night-{datetime.now(UTC):%Y-%m-%d}-1"


def locked(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.leaves.enter_context(exclusive(stage.world.home.night_lock, doing="a drill"))
    stage.acts["the other run ends"] = stage.leaves.close


def full_disk(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    real = atomic._sync_tree

    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    patched.setattr(atomic, "_sync_tree", full)
    stage.acts["space is made on the disk"] = lambda: patched.setattr(atomic, "_sync_tree", real)


def no_engine(stage: Stage, _: pytest.MonkeyPatch) -> None:
    class Missing(ScriptedLauncher):
        def start(self, adapter: ServedAdapter) -> ScriptedEngine:
            raise EngineError(f"the engine for {adapter.version} did not come up", "look into logs/ of the home")

    stage.changes["launcher"] = Missing()
    stage.acts["the engine can start again"] = stage.mend


def no_memory(stage: Stage, _: pytest.MonkeyPatch) -> None:
    class OutOfMemory(ScriptedTrainer):
        def train(self, *_: object) -> object:  # type: ignore[override] # it never gets so far as to look
            raise TrainingError(
                "training ran out of memory", "set training.max_sample_tokens to a smaller number, then run again"
            )

    stage.changes["trainer"] = OutOfMemory()
    stage.acts["memory is freed"] = stage.mend


def wrong_clock(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.night()
    stage.changes["now"] = lambda: datetime.now(UTC) - timedelta(days=2)
    stage.acts["the clock is set right"] = stage.mend


def damaged(stage: Stage, _: pytest.MonkeyPatch) -> None:
    two_nights(stage)
    stage.words["VERSION"] = stage.words["OLDER"]
    damage(stage, AdapterVersion(stage.words["OLDER"]))


def nothing_new(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.night()


def too_little(stage: Stage, _: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    stage.changes["policy"] = replace(stage.world.policy, minimum_samples=10_000)


def vectors_gone(stage: Stage, _: pytest.MonkeyPatch) -> None:
    held = sorted(set(stage.world.store.ids(BUFFER).values()))
    stage.world.store.remove(BUFFER, held[:2])


def secret(stage: Stage, _: pytest.MonkeyPatch) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"  # looks like one, opens nothing
    write(stage.world.journal, "1200-key", page("the key", f"The token is {token} for the build."), "2026-03-02")
    clean = page("the key", "The token is in the vault and not in this journal. " * 3)
    stage.acts["the secret is taken out of the document"] = lambda: write(
        stage.world.journal, "1200-key", clean, "2026-03-02"
    )


def no_journal(stage: Stage, _: pytest.MonkeyPatch) -> None:
    journal = stage.world.journal
    elsewhere = journal.rename(journal.with_name("elsewhere"))
    stage.acts["the disk is mounted"] = lambda: elsewhere.rename(journal)


def worse_in_the_morning(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    """The second version passed its gate, and forgets what it knew as soon as it serves."""
    two_nights(stage)
    stage.world.effect = lambda nights, request: forgets(nights, request) if nights > 1 else 0.0
    knows = ScriptedLauncher(Script(likelihood=stage.world.likelihood, answer=_forgetful(stage)))
    patched.setattr(Runtime, "launcher", knows)


def _forgetful(stage: Stage) -> Callable[[ServedAdapter, Sequence[Message]], str]:
    """What is asked is said again, but by VERSION, which says nothing to the point."""
    return lambda served, said: "No." if served.version == stage.words["VERSION"] else said[-1].content


def missed(stage: Stage, _: pytest.MonkeyPatch) -> None:
    day = (datetime.now(UTC) - timedelta(days=1)).date()
    due = datetime.combine(day, time(22), UTC)
    row = JobRun(JobName.EVENING, day, due, JobState.MISSED, 0, None, due, None, "the machine was off", "")
    with stage.world.database.begin() as connection:
        assert jobs.put(connection, row, None)


def nobody_told(stage: Stage, patched: pytest.MonkeyPatch) -> None:
    """A channel that refuses, then one that takes: a small HTTP server on a port that is free now."""
    server = HTTPServer(("127.0.0.1", 0), Taking)
    server.server_close()
    patched.setenv("WEB4_ALERTS__URLS", f"json://127.0.0.1:{server.server_port}")
    stage.words["CHANNEL"] = "json://127.0.0.1"

    def answer() -> None:
        listening = HTTPServer(("127.0.0.1", server.server_port), Taking)
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        stage.leaves.callback(listening.shutdown)
        stage.leaves.callback(listening.server_close)

    stage.acts["the channel answers again"] = answer


def ledger_damaged(stage: Stage, _: pytest.MonkeyPatch) -> None:
    stage.night()
    made = back_up(stage.world.backup_parts())
    stage.words["BACKUP"] = made.path.name
    stage.world.database.close()
    content = bytearray(stage.world.home.ledger.read_bytes())
    content[: len(content) // 2] = b"\x55" * (len(content) // 2)
    stage.world.home.ledger.write_bytes(bytes(content))
    for ending in ("-wal", "-shm"):
        Path(f"{stage.world.home.ledger}{ending}").unlink(missing_ok=True)


BREAKERS: dict[str, Breaker] = {
    "A night was cut off": cut_off,
    "A night should be given up": cut_off,
    "The candidate was rejected": rejected,
    "Another run holds the lock": locked,
    "The disk is full": full_disk,
    "The engine does not start": no_engine,
    "Training runs out of memory": no_memory,
    "The clock is wrong": wrong_clock,
    "An adapter's file is damaged": damaged,
    "Nothing was trained": nothing_new,
    "Too little to train on": too_little,
    "Vectors and ledger differ": vectors_gone,
    "A document is quarantined": secret,
    "The journal is not there": no_journal,
    "The morning says no": worse_in_the_morning,
    "A night was missed": missed,
    "No alert arrives": nobody_told,
    "The ledger is damaged": ledger_damaged,
}


def test_every_part_of_the_page_has_a_broken_home() -> None:
    assert set(SCENES) == set(BREAKERS)


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.title)
def test_the_commands_do_what_the_page_says(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = raise_curtain(tmp_path, monkeypatch)
    BREAKERS[scene.title](stage, monkeypatch)
    with stage.leaves:
        play(stage, scene)
    with stage.world.database.read() as connection:
        assert documents.contradictions(connection) == []
