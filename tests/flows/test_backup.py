"""Backup and restore over fakes: what is in a backup, what a restore brings back, killed at every point of it."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flows.fakes import ARTEFACT, DAY, KeptStore, World
from tests.flows.interactions import asked
from tests.flows.lineages import production, promoted
from tests.flows.pages import page, write
from tests.flows.test_night import Killed, states
from tests.kills.invariants import check_invariants
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.errors import BusyError, DiskFullError, IntegrityError, UsageError
from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash
from web4_agent.domain.queries import Feedback, Thumb
from web4_agent.domain.runs import RunState
from web4_agent.flows.backing_up import back_up, check_backup, list_backups, prune, restore
from web4_agent.flows.doctor import examine
from web4_agent.flows.rollback import roll_back
from web4_agent.records import adapters, api_keys, chunks, document_uses, feedback, interactions, query_hours, runs
from web4_agent.steps.projection import synchronise
from web4_agent.storage.artifacts import hash_file
from web4_agent.storage.database import Database, sqlite_url
from web4_agent.storage.lock import exclusive


def after_nights(root: Path, nights: int) -> World:
    made = World(root)
    for night in range(1, nights + 1):
        promoted(made, night)
    return made


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after two nights, to copy."""
    root = tmp_path_factory.mktemp("two")
    after_nights(root, 2).database.close()
    return root


@pytest.fixture
def world(two_nights: Path, tmp_path: Path) -> Iterator[World]:
    made = copied(two_nights, tmp_path)
    yield made
    made.database.close()


def copied(source: Path, root: Path) -> World:
    """The home of `source` in a world of its own, with vectors of its own."""
    shutil.copytree(source, root, dirs_exist_ok=True)
    made = World(root)
    made.clock.at += timedelta(days=1)
    synchronise(made.database, made.store, ScriptedEmbedder())
    return made


def files(world: World) -> list[Path]:
    """All but locks, which stay when they were held."""
    return sorted(path for path in world.home.root.rglob("*") if path.parent.name != "locks")


def log(world: World, *numbers: int) -> None:
    rows = [asked(number) for number in numbers]
    with world.database.begin() as connection:
        interactions.add(connection, rows)
        query_hours.add(connection, rows)
        document_uses.add(connection, rows)


def logged(world: World) -> tuple[int, int]:
    """(rows of the log, queries in its roll-up)."""
    with world.database.begin() as connection:
        start, end = (
            asked(1).at_utc - timedelta(days=1),
            asked(1).at_utc.replace(minute=0, second=0) + timedelta(days=9),
        )
        rolled = sum(
            one.queries for one in query_hours.totals(connection, start.replace(minute=0, second=0), end).values()
        )
        return len(list(interactions.between(connection, start, end))), rolled


def test_a_backup_holds_the_ledger_the_adapters_and_a_manifest_of_every_file(world: World) -> None:
    made = back_up(world.backup_parts(settings_text=lambda: "[model]\n"))
    manifest = made.manifest
    assert made.path.parent == world.home.backups
    assert manifest.production == production(world.database)
    assert len(manifest.adapters) == 2
    assert manifest.documents == {"historical": 4}
    named = {entry.path: entry.sha256 for entry in manifest.files}
    assert {"ledger.db", "web4.toml", "serving.json", f"adapters/{manifest.production}/{ARTEFACT}"} <= named.keys()
    assert all(hash_file(made.path / path) == digest for path, digest in named.items())
    assert [path for path in made.path.rglob("*") if path.suffix in {"-wal", "-shm"}] == []
    assert manifest.base_hash == "0" * 64


def test_what_an_older_backup_holds_takes_no_room_again_and_never_shares_with_the_home(world: World) -> None:
    first, second = back_up(world.backup_parts()), back_up(world.backup_parts())
    name = f"adapters/{production(world.database)}/{ARTEFACT}"
    live = world.home.root / name
    assert (first.path / name).stat().st_ino == (second.path / name).stat().st_ino
    assert (first.path / name).stat().st_ino != live.stat().st_ino
    live.write_text("other bytes")
    assert check_backup(world.backup_parts(), second.path.name).manifest is not None


def test_an_archive_is_one_file_that_can_be_checked_and_restored(world: World, tmp_path: Path) -> None:
    made = back_up(world.backup_parts(), tmp_path / "elsewhere", archive=True)
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [f"{made.manifest.name}.tar"]
    assert check_backup(world.backup_parts(), str(made.path)).manifest == made.manifest
    newest = production(world.database)
    roll_back(world.rollback_parts(), BASE)
    restore(world.backup_parts(), str(made.path))
    assert production(world.database) == newest
    check_invariants(world)


def test_backups_are_listed_with_their_trouble(world: World) -> None:
    made, other = back_up(world.backup_parts()), back_up(world.backup_parts())
    (made.path / "MANIFEST.json").write_text('{"format": 1}')
    found = {one.path.name: one for one in list_backups(world.home.backups)}
    assert "damaged" in found[made.path.name].trouble
    assert found[other.path.name].manifest == other.manifest


def test_no_room_is_said_before_anything_is_written(world: World) -> None:
    before = sorted(world.home.backups.rglob("*"))
    with pytest.raises(DiskFullError, match="MB free"):
        back_up(world.backup_parts(free_bytes=lambda _: 1000))
    assert sorted(world.home.backups.rglob("*")) == before


def test_what_serves_must_be_whole_what_does_not_is_named(world: World) -> None:
    with world.database.begin() as connection:
        newest, older = (one.version for one in adapters.lineage(connection, production(world.database))[:2])
    shutil.rmtree(world.home.backups)
    world.home.backups.mkdir()
    (world.home.adapter(older) / ARTEFACT).write_text("other bytes")
    assert back_up(world.backup_parts()).manifest.missing == (older,)
    shutil.rmtree(world.home.backups)
    (world.home.adapter(newest) / ARTEFACT).write_text("other bytes")
    with pytest.raises(IntegrityError, match="it serves"):
        back_up(world.backup_parts())


def damage_ledger(backup: Path) -> str:
    file = backup / "ledger.db"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    return "ledger.db is damaged"


def lose_adapter(backup: Path) -> str:
    shutil.rmtree(min((backup / "adapters").iterdir()))
    return "is missing from the backup"


def edit_manifest(backup: Path) -> str:
    file = backup / "MANIFEST.json"
    file.write_text(file.read_text().replace('"golden": "base"', '"golden": "a-1"'))
    return "was changed after"


def add_stranger(backup: Path) -> str:
    (backup / "notes.txt").write_text("mine")
    return "notes.txt is not a file of this backup"


def link_out(backup: Path) -> str:
    (backup / "serving.json").unlink()
    (backup / "serving.json").symlink_to("/etc/hostname")
    return "serving.json is not a file"


def cut_short(backup: Path) -> str:
    (backup / "MANIFEST.json").write_text("")
    return "no manifest of a backup"


@pytest.mark.parametrize("harm", [damage_ledger, lose_adapter, edit_manifest, add_stranger, link_out, cut_short])
def test_a_backup_that_is_not_as_it_was_made_is_refused_and_nothing_moves(
    world: World, harm: Callable[[Path], str]
) -> None:
    made = back_up(world.backup_parts())
    said = harm(made.path)
    before = states(world), production(world.database)
    for use in (restore, check_backup):
        with pytest.raises(IntegrityError, match=said):
            use(world.backup_parts(), made.path.name)
    assert (states(world), production(world.database)) == before
    assert [one.path for one in list_backups(world.home.backups) if "before-restore" in one.path.name] == []


def test_a_backup_of_another_model_or_a_newer_program_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = back_up(world.backup_parts())
    with world.database.begin() as connection:
        base = adapters.get(connection, BASE)
        assert base is not None
        adapters.add(connection, replace(base, weights_hash=ContentHash("1" * 64)))
    with pytest.raises(IntegrityError, match="another base model"):
        restore(world.backup_parts(), made.path.name)
    monkeypatch.setattr("web4_agent.flows.backing_up.restoring.knows_schema", lambda _: False)
    with pytest.raises(IntegrityError, match="newer version"):
        restore(world.backup_parts(), made.path.name)
    with pytest.raises(UsageError, match="no backup nothing"):
        restore(world.backup_parts(), "nothing")


def test_a_dry_run_says_what_would_change_and_changes_nothing(world: World) -> None:
    made = back_up(world.backup_parts())
    newest = promoted(world, 3)
    log(world, 1, 2)
    before = states(world), files(world)
    plan = restore(world.backup_parts(), made.path.name, dry_run=True).plan
    assert plan.production == (newest, made.manifest.production)
    assert plan.documents == ({"historical": 6}, {"historical": 4})
    assert (plan.goes, plan.kept_queries, plan.added_queries) == ((newest,), 2, 0)
    assert (states(world), files(world)) == before


def test_a_restore_brings_back_the_home_and_can_be_undone(world: World) -> None:
    made = back_up(world.backup_parts())
    newest = promoted(world, 3)
    done = restore(world.backup_parts(), made.path.name)
    assert production(world.database) == made.manifest.production
    assert states(world) == {DocumentState.HISTORICAL: 4}
    assert not world.home.adapter(newest).exists()
    check_invariants(world)
    assert all(one.healthy for one in examine(world.doctor_parts(), fix=False))
    with world.database.begin() as connection:
        assert adapters.moves(connection)[-1][1:] == (
            newest,
            made.manifest.production,
            f"restored from {made.manifest.name}",
        )
        assert chunks.lexical(connection, "w2a0b7", 3)
        assert not chunks.lexical(connection, "w3a0b7", 3)
    restore(world.backup_parts(), done.safety)
    assert production(world.database) == newest
    assert states(world) == {DocumentState.HISTORICAL: 6}
    check_invariants(world)


def test_a_night_after_a_restore_takes_no_name_that_was_taken(world: World) -> None:
    made = back_up(world.backup_parts())
    promoted(world, 3)
    with world.database.begin() as connection:
        (last,) = runs.recent(connection, "night", 1)
    restore(world.backup_parts(), made.path.name)
    promoted(world, 3)
    with world.database.begin() as connection:
        nights = {run.id: run.state for run in runs.recent(connection, "night", 9) if run.day == last.day}
    assert nights == {last.id: RunState.FAILED, f"{last.id[:-1]}2": RunState.PROMOTED}
    assert states(world) == {DocumentState.HISTORICAL: 6}
    check_invariants(world)


@pytest.mark.parametrize("keep_log", [True, False])
def test_the_query_log_since_then_is_kept_once_or_replaced(world: World, *, keep_log: bool) -> None:
    log(world, 1, 2, 3)
    made = back_up(world.backup_parts())
    log(world, 4, 5)
    with world.database.begin() as connection:
        feedback.put(connection, Feedback(asked(5).response, "bob", asked(5).at_utc, Thumb.UP))
    for _ in range(2):
        restore(world.backup_parts(), made.path.name, keep_log=keep_log)
        assert logged(world) == ((5, 5) if keep_log else (3, 3))
    with world.database.begin() as connection:
        assert len(feedback.of_responses(connection, [asked(5).response])) == keep_log


def test_queries_that_only_the_backup_has_join_the_log_and_its_roll_up(world: World, tmp_path: Path) -> None:
    log(world, 1, 2, 3)
    made = back_up(world.backup_parts(), tmp_path / "elsewhere")
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other")
    log(other, 3, 4)
    done = restore(other.backup_parts(), str(made.path))
    assert (done.plan.kept_queries, done.plan.added_queries) == (1, 2)
    assert logged(other) == (4, 4)
    assert production(other.database) == made.manifest.production
    check_invariants(other)
    other.database.close()


def test_a_revoked_key_stays_revoked(world: World) -> None:
    now = world.clock()
    with world.database.begin() as connection:
        api_keys.add(connection, api_keys.ApiKeyRow("ide", "a" * 64, now))
    made = back_up(world.backup_parts())
    with world.database.begin() as connection:
        api_keys.revoke(connection, "ide", now)
        api_keys.add(connection, api_keys.ApiKeyRow("new", "b" * 64, now))
    restore(world.backup_parts(), made.path.name)
    with world.database.begin() as connection:
        assert [(row.name, row.revoked_utc is None) for row in api_keys.listed(connection)] == [
            ("ide", False),
            ("new", True),
        ]


def test_a_night_that_was_under_way_is_ended_and_gives_its_documents_back(world: World) -> None:
    write(world.journal, "0900-new", page("a new matter", "About things. " + " ".join(f"n{n}" for n in range(60))))
    world.index()

    def kill(point: str) -> None:
        if point == "prepare.committed":
            raise Killed(point)

    with pytest.raises(Killed):
        world.night(DAY + timedelta(days=20), reached=kill)
    made = back_up(world.backup_parts())
    restore(world.backup_parts(), made.path.name)
    assert states(world)[DocumentState.BUFFERED] == 1
    with world.database.begin() as connection:
        assert runs.open_runs(connection) == []
    check_invariants(world)


POINTS = (
    *("kept", "adapters.done", "ledger.committing", "ledger.committed", "converged"),
    *("vectors.opened", "vectors.written", "done"),
)


@pytest.fixture(scope="module")
def restorable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, AdapterVersion]:
    """A home that has moved on since its backup: another night, another query; its root, the backup, what serves."""
    root = tmp_path_factory.mktemp("restorable")
    made = after_nights(root, 2)
    backup = back_up(made.backup_parts())
    newest = promoted(made, 3)
    log(made, 7)
    made.database.close()
    return root, backup.manifest.name, newest


@pytest.mark.parametrize("point", POINTS)
def test_a_restore_killed_at_any_point_leaves_the_old_home_or_the_new_and_is_ended_by_the_same_command(
    restorable: tuple[Path, str, AdapterVersion], tmp_path: Path, point: str
) -> None:
    root, name, newest = restorable
    world = copied(root, tmp_path)

    def kill(reached: str) -> None:
        if reached == f"restore.{point}":
            raise Killed(point)

    with pytest.raises(Killed):
        restore(world.backup_parts(reached=kill), name)
    old = POINTS.index(point) < POINTS.index("ledger.committed")
    assert (production(world.database) == newest) is old
    assert states(world) == {DocumentState.HISTORICAL: 6 if old else 4}
    restore(world.backup_parts(), name)
    assert production(world.database) != newest
    assert states(world) == {DocumentState.HISTORICAL: 4}
    assert logged(world) == (1, 1)
    check_invariants(world)
    assert all(one.healthy for one in examine(world.doctor_parts(), fix=False))
    kept = [one for one in list_backups(world.home.backups) if one.manifest and one.manifest.production == newest]
    assert kept, "what was replaced is in a backup"
    world.database.close()


def test_a_ledger_that_can_not_be_read_is_put_aside(world: World) -> None:
    made = back_up(world.backup_parts())
    serving = production(world.database)
    world.database.close()
    world.home.ledger.write_bytes(b"no database at all" * 500)
    done = restore(world.backup_parts(), made.path.name)
    assert (Path(done.damaged) / "ledger.db").read_bytes().startswith(b"no database")
    assert (done.safety, production(world.database)) == ("", serving)
    check_invariants(world)


def test_a_damaged_adapter_is_put_back_from_the_backup(world: World) -> None:
    made = back_up(world.backup_parts())
    serving = production(world.database)
    (world.home.adapter(serving) / ARTEFACT).write_text("other bytes")
    restore(world.backup_parts(), made.path.name)
    check_invariants(world)


def test_others_are_kept_out_meanwhile(world: World) -> None:
    made = back_up(world.backup_parts())
    with exclusive(world.home.night_lock, doing="a night"):
        back_up(world.backup_parts())
        for use in (lambda: restore(world.backup_parts(), made.path.name), lambda: prune(world.backup_parts())):
            with pytest.raises(BusyError, match="a night"):
                use()
    with exclusive(world.home.backup_lock, doing="a backup"), pytest.raises(BusyError, match="a backup"):
        back_up(world.backup_parts())


def test_a_reader_that_was_open_all_the_time_sees_the_restored_ledger(world: World) -> None:
    made = back_up(world.backup_parts())
    other = Database(sqlite_url(world.home.ledger))
    promoted(world, 3)
    with other.read() as connection:
        before = adapters.read_pointer(connection).production
    file = world.home.ledger.stat().st_ino
    restore(world.backup_parts(), made.path.name)
    with other.read() as connection:
        assert adapters.read_pointer(connection).production == made.manifest.production != before
    assert world.home.ledger.stat().st_ino == file
    other.close()


def test_old_adapters_are_recorded_as_removed_and_a_rollback_says_so(world: World) -> None:
    for night in range(3, 6):
        promoted(world, night)
    parts = world.backup_parts(policy=world.backup_parts().policy.__class__(adapters=2, backups=1))
    with world.database.begin() as connection:
        lineage = [one.version for one in adapters.lineage(connection, production(world.database))]
    for _ in range(2):
        back_up(world.backup_parts())
    would = prune(parts, dry_run=True)
    assert world.home.adapter(lineage[-2]).exists()
    done = prune(parts)
    assert done == would
    assert set(done.adapters) == set(lineage[3:-1])
    assert not any(world.home.adapter(version).exists() for version in done.adapters)
    assert len(list_backups(world.home.backups)) == 1
    with pytest.raises(UsageError, match="removed"):
        roll_back(world.rollback_parts(), done.adapters[0])
    assert all(one.healthy for one in examine(world.doctor_parts(), fix=False))
    check_invariants(world)
    assert prune(parts).adapters == ()


@pytest.mark.parametrize("point", ["adapters.committing", "adapters.committed", "folders.done"])
def test_an_end_killed_half_way_is_ended_by_the_next(world: World, point: str) -> None:
    for night in range(3, 5):
        promoted(world, night)

    def kill(reached: str) -> None:
        if reached == f"prune.{point}":
            raise Killed(point)

    policy = world.backup_parts().policy.__class__(adapters=1, backups=1)
    with pytest.raises(Killed):
        prune(world.backup_parts(policy=policy, reached=kill))
    prune(world.backup_parts(policy=policy))
    with world.database.begin() as connection:
        kept = {one.version for one in adapters.every(connection) if one.state == "promoted"} - {BASE}
    assert {path.name for path in world.home.adapters.iterdir()} == kept
    assert all(one.healthy for one in examine(world.doctor_parts(), fix=False))


def test_the_store_is_not_part_of_a_backup_and_is_made_anew(world: World) -> None:
    made = back_up(world.backup_parts())
    world.store = KeptStore()
    done = restore(world.backup_parts(), made.path.name)
    assert done.chunks_written > 0
    check_invariants(world)
    assert json.loads(world.home.serving.read_text())["version"] == made.manifest.production
