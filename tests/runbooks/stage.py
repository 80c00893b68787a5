"""A home that is broken on purpose, and the command line in front of it: what the runbooks' commands are run on.

A page is read for its scenes: a heading of the second level, and the lines of its `console` blocks. `$ …` is a command;
`# …` is what a person does at that point; what follows a command stands in its output, `…` for anything between.
"""

import re
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.flows.fakes import ARTEFACT, World
from tests.flows.pages import page, write
from tests.gateway.running import Running, started
from tests.runbooks.shell import run_program
from web4_agent import settings
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.bootstrap import Runtime, open_home
from web4_agent.cli import main
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.queries import Interaction
from web4_agent.flows.night import NightParts
from web4_agent.records import adapters
from web4_agent.steps.projection import synchronise

FENCED = re.compile(r"^```(\w+)\n.*?^```", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"\(exit code (\d+)\)")


@dataclass(frozen=True, slots=True)
class Line:
    """`command` or `act` is empty; `told` must be in the command's output, line by line."""

    command: str = ""
    act: str = ""
    exit_code: int = 0
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    page: str
    title: str
    lines: tuple[Line, ...]


@dataclass
class Stage:
    """`world` is the home; `words` replace what a page writes in capitals; `acts` are what a person does by then."""

    world: World
    words: dict[str, str] = field(default_factory=dict)
    acts: dict[str, Callable[[], object]] = field(default_factory=dict)
    changes: dict[str, object] = field(default_factory=dict)
    """Parts of the night that are not as they should be, by name."""
    leaves: ExitStack = field(default_factory=ExitStack)
    """What must be let go at the end: a lock that is held, a connection, a gateway."""
    address: str = ""
    """Of the gateway, while one runs: what a page calls http://127.0.0.1:8484."""

    def night(self) -> None:
        """A night as it should be, without the command line."""
        self.world.night(datetime.now(UTC).date())

    def mend(self) -> None:
        self.changes.clear()

    def runtime(self) -> Runtime:
        """What a command opens, until the stage is left."""
        runtime = open_home(self.world.home.root, follow=False)
        self.leaves.callback(runtime.close)
        return runtime

    def log(self, rows: Iterable[Interaction]) -> None:
        """Queries as the gateway logs them: rows, roll-up and uses."""
        with closing(self.runtime().query_log()) as log:
            for row in rows:
                log.add(row)
            assert log.flush()

    def choose(self, changes: Mapping[str, object]) -> None:
        """Write `web4.toml` with these settings beside those that every stage has."""
        self.world.home.settings.write_text(settings.as_toml({**self.settings, **changes}), encoding="utf-8")

    @property
    def settings(self) -> dict[str, object]:
        root = str(self.world.journal)
        return {"engine.kind": "scripted", "training.backend": "scripted", "journal.root": root}

    def serve(self) -> Running:
        """A gateway over the home, in a thread, until the stage is left."""
        runtime = self.runtime()
        launcher = runtime.launcher
        assert isinstance(launcher, ScriptedLauncher)
        running = self.leaves.enter_context(started(runtime, launcher))
        self.address = running.url
        return running


def raise_curtain(root: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A founded home over fakes with an indexed journal, and a command line that works on it."""
    world = World(root).write_journal()
    world.clock.at = datetime.now(UTC) - timedelta(hours=1)  # it runs ahead: a second with every look
    stage = Stage(world)
    stage.choose({})
    world.index()
    _command_line(stage, monkeypatch)
    return stage


def raise_again(played: Stage, root: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A copy of another stage as it stands, under `root`: what several tests begin with is played once. Vectors are
    made from the copied ledger."""
    before = played.world
    for folder in (before.home.root, before.journal):
        shutil.copytree(folder, root / folder.name)
    world = World(root, depths=dict(before.depths))
    synchronise(world.database, world.store, ScriptedEmbedder())
    world.clock.at = before.clock.at
    stage = Stage(world, words=dict(played.words))
    stage.choose({})
    _command_line(stage, monkeypatch)
    return stage


def _command_line(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands work on the stage's home, over its fakes."""
    world = stage.world
    launcher = ScriptedLauncher(Script(likelihood=world.likelihood))
    monkeypatch.setenv("WEB4_HOME", str(world.home.root))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(Runtime, "launcher", launcher)
    monkeypatch.setattr(Runtime, "serving_launcher", launcher)
    monkeypatch.setattr(Runtime, "embedder", lambda runtime: ScriptedEmbedder())
    monkeypatch.setattr(Runtime, "open_store", lambda runtime: world.store)
    monkeypatch.setattr(Runtime, "verify_models", lambda runtime: None)
    monkeypatch.setattr(Runtime, "night_parts", lambda runtime: _night_parts(stage, runtime))


def _night_parts(stage: Stage, runtime: Runtime) -> NightParts:
    """The world's parts, at the time the command line has: rollbacks in between went by that."""
    stage.world.clock.at = datetime.now(UTC)
    return replace(stage.world.parts(**stage.changes), watcher=runtime.watcher)


def play(stage: Stage, scene: Scene) -> None:
    """Run every line of a scene in its order; what a page says of a command must be so."""
    for line in scene.lines:
        if line.act:
            stage.acts[line.act]()
            continue
        words = shlex.split(_filled(line.command, stage.words))
        environment = {word.split("=")[0]: word.split("=", 1)[1] for word in _assignments(words)}
        arguments = words[len(environment) :]
        if arguments[0] == "web4-agent":
            code, said = run_typed(arguments[1:], environment)
        else:
            code, said = run_program(arguments, stage.address)
        assert code == line.exit_code, f"{scene.page}, {scene.title}: {line.command} gave {code}\n{said}"
        for told in line.told:
            assert _matches(_filled(told, stage.words), said), f"{line.command} does not say: {told}\n{said}"


def scenes(page: Path) -> list[Scene]:
    found = []
    text = FENCED.sub(lambda block: block[0] if block[1] == "console" else "", page.read_text(encoding="utf-8"))
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```console\n(.*?)^```", part, flags=re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in _lines(block)]
        if lines:
            found.append(Scene(page.name, part.splitlines()[0].strip(), tuple(lines)))
    return found


def two_nights(stage: Stage) -> None:
    """Two promoted nights: VERSION serves, OLDER did before; the first step of the second night backed OLDER up."""
    stage.night()
    for at in range(5):
        write(stage.world.journal, f"10{at:02}-x", page(f"matter {at}", f"Number {at} was done. " * 9), "2026-03-03")
    stage.world.index()
    stage.night()
    with stage.world.database.read() as connection:
        pointer = adapters.read_pointer(connection)
    assert pointer.previous is not None
    stage.words |= {"VERSION": pointer.production, "OLDER": pointer.previous}


def damage(stage: Stage, version: AdapterVersion) -> None:
    """Turn one bit of the file that serves."""
    artefact = stage.world.home.adapter(version) / ARTEFACT
    content = bytearray(artefact.read_bytes())
    content[0] ^= 1
    artefact.write_bytes(bytes(content))


def run_typed(arguments: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """The command's exit code, and what it wrote to both streams."""
    from web4_agent.cli import commands

    commands.register(main.app)
    runner = CliRunner()
    with runner.isolation(env=dict(environment)) as streams:
        code = main.run(arguments)
        return code, b"".join(stream.getvalue() for stream in streams[:2]).decode()


def _lines(block: str) -> Iterator[Line]:
    command, act, told = "", "", list[str]()

    def done() -> Iterator[Line]:
        if command or act:
            exits = [int(found[1]) for text in told if (found := EXIT.fullmatch(text))]
            yield Line(command, act, exits[0] if exits else 0, tuple(one for one in told if not EXIT.fullmatch(one)))

    for raw in block.splitlines():
        text = raw.strip()
        if text.startswith(("$ ", "# ")):
            yield from done()
            command, act, told = (text[2:], "", []) if text[0] == "$" else ("", text[2:], [])
        elif text:
            told.append(text)
    yield from done()


def _assignments(words: list[str]) -> Iterator[str]:
    for word in words:
        if not re.match(r"WEB4_\w+=", word):
            return
        yield word


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        text = re.sub(rf"\b{name}\b", lambda _, value=value: value, text)  # type: ignore[misc] # a value bound now
    return text


def _matches(told: str, said: str) -> bool:
    pattern = r".*?".join(r"\s+".join(re.escape(word) for word in part.split()) for part in told.split("…"))
    return re.search(pattern, re.sub(r"[ \t│┃]+", " ", said), re.DOTALL) is not None
