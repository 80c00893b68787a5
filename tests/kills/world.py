"""A home whose every part outlives its process, and the flows that children run in it until they are killed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from tests.flows.fakes import ARTEFACT, DAY, ITEMS, Clock, World, forgets
from tests.flows.pages import page, write
from tests.flows.votes import many_votes
from tests.kills.file_store import FileStore
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.backends.engines.scripted import Script, ScriptedLauncher
from web4_agent.backends.vectors.chroma import ChromaStore
from web4_agent.domain.backups import BackupReason
from web4_agent.domain.errors import IntegrityError, ModelError
from web4_agent.domain.ids import AdapterVersion
from web4_agent.domain.verdicts import Stratum
from web4_agent.flows.doctor import examine
from web4_agent.flows.forgetting import ForgetParts, ForgetRequest, Replayed, forget, pending, resume
from web4_agent.flows.forgetting.parts import Versions
from web4_agent.flows.indexing import IndexParts, IndexRequest, index
from web4_agent.flows.morning import MorningParts, morning
from web4_agent.flows.night import NightRequest, abandon, again, evening
from web4_agent.flows.referencing import ReferenceParts, ReferenceRequest, forget_folder, index_references
from web4_agent.flows.rollback import roll_back
from web4_agent.records import adapters
from web4_agent.steps.backup import BackupOrder, BackupSource, backup_name, make_backup
from web4_agent.steps.judging.challenges import load_challenges
from web4_agent.steps.judging.measure import GateItems
from web4_agent.steps.projection import PROCESS_DOCS
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.atomic import publish_text

NEXT_DAY = DAY + timedelta(days=1)


def _few() -> GateItems:
    """A few items of each kind: a night of the gate's whole set takes four times as long."""
    margins = [item for stratum in Stratum for item in [one for one in ITEMS.margins if one.stratum is stratum][:3]]
    return replace(
        ITEMS,
        canaries=ITEMS.canaries[:3],
        margins=tuple(margins),
        neutral=ITEMS.neutral[:2],
        parity=ITEMS.parity[:1],
        general_texts=ITEMS.general_texts[:2],
        general_samples=ITEMS.general_samples[:12],
    )


FEW_ITEMS = _few()


def learns_less_and_less(nights: int, request: ScoreRequest) -> float:
    """As `learns`, bounded, so that however many nights come to pass a likelihood stays one."""
    return 0.0 if request.messages else 1.5 * (1 - 0.9**nights)


@dataclass
class KilledWorld(World):
    """`effect` is what artefacts first met now have; those met before keep theirs, also in another process."""

    items: GateItems = field(default_factory=lambda: FEW_ITEMS)
    minutes: int = 0
    """Minutes since the first evening: each process starts later than the one before it ended."""
    minimum_samples: int = 5
    bad: bool = False
    mends: bool = False
    chroma: bool = False

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.clock.at += timedelta(minutes=self.minutes)
        self.policy = replace(self.policy, minimum_samples=self.minimum_samples)
        try:
            super().__post_init__()
        except (IntegrityError, ModelError):  # as commands that mend open a home: nothing follows yet
            if not self.mends:
                raise
        self.store = self.file_store = FileStore(self.home.root / "vectors" / "vectors.sqlite")
        if self.chroma:
            self.store = ChromaStore(self.home.vectors / "chroma")
        self._hashes: dict[Path, str] = {}

    def likelihood(self, adapter: object, request: ScoreRequest) -> float:
        artefact: Path | None = getattr(adapter, "artefact", None)
        return -2.0 - (len(request.text) % 100) / 100 + self._effect_of(artefact, request)

    def trained(self, folder: Path | None, request: ScoreRequest) -> float:
        return -2.0 - (len(request.text) % 100) / 100 + self._effect_of(folder and folder / ARTEFACT, request)

    def _effect_of(self, artefact: Path | None, request: ScoreRequest) -> float:
        if artefact is None:
            return 0.0
        known = self._hashes.get(artefact) or self._hashes.setdefault(artefact, hash_file(artefact))
        nights, bad = self._met(known)
        return (forgets if bad else learns_less_and_less)(nights, request)

    def _met(self, artefact: str) -> tuple[int, bool]:
        """The place of an artefact in the order in which they were first met, and whether it was a bad one."""
        if artefact not in self.depths:
            file = self.root / "met.json"
            met: dict[str, list[int]] = json.loads(file.read_text()) if file.exists() else {}
            if artefact not in met:
                met[artefact] = [len(met) + 1, int(self.bad)]
                publish_text(json.dumps(met), file)
            self.depths |= {name: 2 * place + bad for name, (place, bad) in met.items()}
        return self.depths[artefact] // 2, bool(self.depths[artefact] % 2)


Reached = Callable[[str], None]


def run_night(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    if pending(parts := _forget_parts(world, reached)):  # as the command does: a forgetting that was cut off goes first
        resume(parts)
    day = date.fromisoformat(arguments.get("day", NEXT_DAY.isoformat()))
    return str(evening(world.parts(reached=reached), NightRequest(day)).state)


def run_index(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    del arguments
    parts = IndexParts(
        world.database, world.journal, ScriptedEmbedder(), lambda: world.store, world.clock, reached=reached
    )
    found = index(parts, IndexRequest())
    return f"{found.new} new, {found.edited} edited, {found.gone} gone"


def run_rollback(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    target = AdapterVersion(arguments["target"]) if "target" in arguments else None
    done = roll_back(replace(world.rollback_parts(), reached=reached), target, retrain="retrain" in arguments)
    return f"{done.source} -> {done.target}"


def run_abandon(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    del arguments
    return abandon(world.parts(reached=reached))


def run_morning(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    del arguments
    launcher = ScriptedLauncher(Script(likelihood=world.likelihood))
    challenges = load_challenges()[:4]
    parts = MorningParts(
        world.database,
        world.home,
        ARTEFACT,
        launcher,
        challenges,
        world.clock,
        world.items,
        world.gate,
        reached=reached,
    )
    return str(morning(parts).passed)


def run_doctor(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    del arguments
    findings = examine(replace(world.doctor_parts(), reached=reached), fix=True)
    return ", ".join(one.check for one in findings if not one.healthy and one.fixed is not True)


def run_references(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    del arguments
    request = ReferenceRequest(((PROCESS_DOCS, world.root.parent / "handbook"),))
    (folder,) = index_references(_reference_parts(world, reached), request).folders
    return f"{folder.new} new, {folder.edited} edited, {folder.gone} gone"


def run_forget_references(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    del arguments
    return str(forget_folder(_reference_parts(world, reached), PROCESS_DOCS, world.root.parent / "handbook"))


def _reference_parts(world: KilledWorld, reached: Reached) -> ReferenceParts:
    return ReferenceParts(world.database, ScriptedEmbedder, lambda: world.store, world.clock, reached=reached)


def run_forget(world: KilledWorld, reached: Reached, arguments: Mapping[str, str]) -> str:
    parts = _forget_parts(world, reached)
    if pending(parts):
        resume(parts)
    return forget(parts, ForgetRequest((arguments["document"],))).serving


def _forget_parts(world: KilledWorld, reached: Reached) -> ForgetParts:
    def replay(day: date, versions: Versions) -> Replayed:
        report = again(world.parts(reached=reached), NightRequest(day, only=versions))
        return Replayed(report.run, report.state, report.serving, report.sentence)

    return ForgetParts(
        database=world.database,
        home=world.home,
        artefact=ARTEFACT,
        embedder=ScriptedEmbedder,
        open_store=lambda: world.store,
        fresh_store=None,
        replay=replay,
        now=world.clock,
        reached=reached,
    )


FLOWS: Mapping[str, Callable[[KilledWorld, Reached, Mapping[str, str]], str]] = {
    "night": run_night,
    "index": run_index,
    "rollback": run_rollback,
    "abandon": run_abandon,
    "morning": run_morning,
    "doctor": run_doctor,
    "references": run_references,
    "forget-references": run_forget_references,
    "forget": run_forget,
}


def write_later_pages(journal: Path, day: date = NEXT_DAY, count: int = 3, words: str = "w") -> None:
    for at in range(count):
        text = f"Number {at} of {day}: " + " ".join(f"{words}{day.day}x{at}x{n}" for n in range(30))
        write(journal, f"1{at}00-later-{words}", page(f"later matter {words} {at}", text), day.isoformat())


def damage(world: KilledWorld) -> None:
    """A production adapter with wrong bytes and a good backup, a chunk too few, and what killed runs leave."""
    with world.database.begin() as connection:
        production = adapters.read_pointer(connection).production
    home = world.home
    now = world.clock()
    source = BackupSource(world.database, home, ARTEFACT)
    make_backup(source, BackupOrder(home.backups / backup_name(now, "before"), BackupReason.COMMAND, now))
    (home.adapter(production) / ARTEFACT).write_text("other bytes")
    some = next(iter(world.store.ids("pdca_historical").values()))
    world.store.remove("pdca_historical", [some])
    (home.adapters / "a-unknown").mkdir()
    (home.backups / ".tmp-a-half").mkdir()
    next(path for path in home.runs.iterdir() if path.is_dir()).joinpath(".tmp-half").write_text("half")


def edit(world: KilledWorld) -> None:
    """Between two calls of the index: new pages, one edited, one gone, one that holds a secret."""
    write_later_pages(world.journal, count=2, words="v")
    write(world.journal, "0900-queue-limit", page("queue limit", "It is 128 now, after the second pump came."))
    next(world.journal.rglob("*tide-table*")).unlink()
    write(world.journal, "1600-secret", page("a new key", "The key is AKIAQWERTYUIOPASDFGH, keep it."))


def write_handbook(world: KilledWorld) -> None:
    """Beside the homes: a folder is known by its path, which must be the same for all copies of a home."""
    folder = world.root.parent / "handbook"
    folder.mkdir(exist_ok=True)
    for name in ("release", "review"):
        (folder / f"{name}.md").write_text(f"# How we {name}\n\nNever {name} while seagulls sleep.\n")


CHANGES: Mapping[str, Callable[[KilledWorld], object]] = {
    "journal": KilledWorld.write_journal,
    "pages": lambda world: write_later_pages(world.journal),
    "edits": edit,
    "damage": damage,
    "votes": many_votes,
    "handbook": write_handbook,
    "references": lambda world: run_references(world, lambda point: None, {}),
}
