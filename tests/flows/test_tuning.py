"""A tuning over fakes: what is recommended and why, that nothing is changed by it, applying and taking back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.flows.fakes import World
from tests.flows.interactions import source
from tests.flows.tuned import AT, SETTINGS, fill, name_of, tuned_world, tuning_parts, version_parts
from tests.flows.votes import vote
from web4_agent.backends.embedders.scripted import ScriptedEmbedder
from web4_agent.backends.lexical.tantivy_words import TantivyWords
from web4_agent.domain.errors import BusyError, DatabaseError, JournalError, UsageError
from web4_agent.domain.queries import Route, RouteDecision, Thumb, Tier
from web4_agent.domain.retrieval import RetrievalPolicy
from web4_agent.flows.tuning import TuningReport, TuningRequest, apply, ready_to_apply, revert, standing, tune
from web4_agent.flows.tuning.material import gather
from web4_agent.records import policies
from web4_agent.records.tables import every_table
from web4_agent.steps.retrieval.library import Library, LibraryParts, LibraryPolicy
from web4_agent.storage.database import Database

FEW = 0.2
"""On fourteen documents a smaller loss of recall can't be told from none."""
SEMANTIC = RouteDecision(Route.HISTORY, "a test", (Tier.SEMANTIC,))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> World:
    return tuned_world(tmp_path_factory.mktemp("tuned"))


@pytest.fixture(scope="module")
def report(home: World) -> TuningReport:
    return tune(tuning_parts(home), TuningRequest(may_lose=FEW))


@pytest.fixture
def world(home: World) -> Iterator[World]:
    yield home
    with home.database.begin() as connection:
        for name in ("policies", "feedback", "interactions", "interaction_texts"):
            connection.execute(text(f"DELETE FROM {name}"))


def written(folder: Path, text: str = "results = 2") -> Path:
    """A policy's file: one policy is tried in place of a search."""
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def everything(world: World) -> list[object]:
    with world.database.read() as connection:
        rows = [(table.name, sorted(map(str, connection.execute(table.select())))) for table in every_table()]
    return [*rows, sorted(world.store.ids("daily_buffer"))]


def test_a_policy_that_shows_less_noise_and_loses_nothing_is_recommended(report: TuningReport) -> None:
    assert report.recommended, report.reasons
    assert report.check.change("noise_tokens").high < 0
    assert report.check.change("worth").low > 0
    assert report.check.after.recall == report.check.before.recall == 1.0
    assert report.after.results == 1
    assert report.searched
    assert report.whole


def test_vectors_of_sections_without_a_question_come_from_the_store(report: TuningReport) -> None:
    assert report.sections == report.documents * 6
    assert report.embedded < report.reused


def test_a_tuning_changes_neither_ledger_nor_collections(world: World, tmp_path: Path) -> None:
    before = everything(world)
    tune(tuning_parts(world), TuningRequest(policy=written(tmp_path), sections=(32,)))
    assert everything(world) == before


def test_the_halves_share_no_document(world: World) -> None:
    _, halves = gather(tuning_parts(world), TuningRequest()).sit(256, "sections")
    tunes, checks = ({one.home for one in half.questions} for half in (halves.tune, halves.check))
    assert len(tunes) >= 10
    assert len(checks) >= 10
    assert not tunes & checks


@pytest.mark.parametrize("policy", [SETTINGS, replace(SETTINGS, results=5, share=0.4, left_out=("plan",))])
def test_what_a_tuning_sees_is_what_a_look_up_shows(world: World, policy: RetrievalPolicy) -> None:
    material = gather(tuning_parts(world, policy), TuningRequest())
    as_it_stands = replace(material, exam=replace(material.exam, documents=material.copy.journal))
    _, halves = as_it_stands.sit(256, "sections")
    parts = LibraryParts(
        world.database, lambda: world.store, ScriptedEmbedder, TantivyWords, LibraryPolicy(policy, look_every_s=0.0)
    )
    library = Library(parts)
    for at, question in enumerate(halves.check.questions[:8]):
        shown = [document for document, _ in halves.check.shown(at, policy)]
        assert shown == [one.document for one in library.look_up(question.text, SEMANTIC).passages]
    library.close()


def test_a_prompt_that_is_too_small_for_a_passage_does_not_count_it(world: World) -> None:
    _, wide = gather(tuning_parts(world), TuningRequest()).sit(256, "sections")
    _, narrow = gather(tuning_parts(world, context_tokens=120), TuningRequest()).sit(256, "sections")
    assert len(wide.check.shown(0, SETTINGS)) == 3
    shown = narrow.check.shown(0, SETTINGS)
    assert len(shown) < 3
    assert sum(tokens for _, tokens in shown) + narrow.check.room.introduction <= 120


def test_what_is_in_force_and_as_good_as_any_is_left_alone(world: World) -> None:
    report = tune(tuning_parts(world, replace(SETTINGS, results=1)), TuningRequest())
    assert not report.recommended
    assert report.after == report.before
    with pytest.raises(UsageError, match="nothing to apply"):
        apply(version_parts(world), report, force=True, why="because")


def test_a_gain_within_noise_is_not_applied_unless_a_person_says_why(world: World, tmp_path: Path) -> None:
    report = tune(tuning_parts(world), TuningRequest(policy=written(tmp_path, "results = 4")))
    assert not report.searched
    assert (report.recommended, report.after.results) == (False, 4)
    assert report.reasons[0].startswith("within noise")
    with pytest.raises(UsageError, match="within noise"):
        apply(version_parts(world), report)
    with pytest.raises(UsageError):
        apply(version_parts(world), report, force=True)
    assert standing(version_parts(world)).number == 0
    assert apply(version_parts(world), report, "the team reads long answers", force=True) == 1
    assert standing(version_parts(world)).versions[0].why == "the team reads long answers"


def test_fewer_tokens_are_no_reason_to_lose_answers(world: World, tmp_path: Path) -> None:
    report = tune(tuning_parts(world), TuningRequest(policy=written(tmp_path, "similarity = 0.95"), price=5.0))
    assert report.check.change("worth").low > 0
    assert not report.recommended
    assert "but more than 0.02 of the recall may be lost" in report.reasons[1]


def test_a_few_documents_without_a_loss_do_not_tell_that_there_is_none(world: World, tmp_path: Path) -> None:
    file = written(tmp_path, "results = 1")
    report = tune(tuning_parts(world), TuningRequest(policy=file))
    assert report.check.change("recall").mean == 0
    assert report.check.change("recall").low < -0.05
    assert not report.recommended


def test_an_applied_version_is_in_force_and_is_what_the_next_tuning_starts_from(
    world: World, report: TuningReport
) -> None:
    assert apply(version_parts(world), report) == 1
    stands = standing(version_parts(world))
    assert (stands.number, stands.policy, stands.settings) == (1, report.after, SETTINGS)
    assert stands.versions[0].figures == report.check
    assert stands.versions[0].why == "tuned"
    again = tune(tuning_parts(world), TuningRequest(queries=60))
    assert (again.version, again.before, again.recommended) == (1, report.after, False)
    assert revert(version_parts(world)).in_force == 0
    assert standing(version_parts(world)).policy == SETTINGS
    with pytest.raises(UsageError, match="the settings hold"):
        revert(version_parts(world))


def test_a_version_put_in_force_meanwhile_is_not_covered_over(world: World, report: TuningReport) -> None:
    with world.database.begin() as connection:
        policies.apply(connection, replace(SETTINGS, results=7), None, "somebody else", AT)
    with pytest.raises(BusyError, match="version 1 was put in force"):
        apply(version_parts(world), report)


def test_thumbs_are_questions_beside_the_known_items(world: World) -> None:
    for number in range(4):
        uses = (source(name_of(number)), source(name_of(number + 10), 2))
        vote(world, number, Thumb.UP if number else Thumb.DOWN, sources=uses)
    material = gather(tuning_parts(world), TuningRequest(queries=60))
    told = [one for one in material.questions if one.kind.startswith("thumbs")]
    assert sorted(one.kind for one in told) == ["thumbs down", *["thumbs up"] * 3]
    assert all(one.home in {name_of(at) for at in range(14)} for one in told)
    assert material.questions[:4] == tuple(told)


def test_a_question_whose_text_is_gone_is_not_asked(world: World) -> None:
    vote(world, 1, sources=(source(name_of(1)),))
    with world.database.begin() as connection:
        connection.execute(text("DELETE FROM interaction_texts"))
    assert not [one for one in gather(tuning_parts(world), TuningRequest()).questions if "thumbs" in one.kind]


def test_an_empty_journal_and_a_small_one_say_what_to_type(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(JournalError, match="nothing is indexed") as caught:
        tune(tuning_parts(world), TuningRequest())
    assert caught.value.hint == "web4-agent index --all"
    fill(world, 1)
    with pytest.raises(JournalError, match="1 documents give questions on"):
        tune(tuning_parts(world), TuningRequest())


def test_too_few_queries_are_told_apart_from_too_small_a_journal(world: World) -> None:
    with pytest.raises(JournalError) as caught:
        tune(tuning_parts(world), TuningRequest(queries=5))
    assert "--queries 1000" in caught.value.hint


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (TuningRequest(queries=0), "--queries"),
        (TuningRequest(minutes=0), "--minutes"),
        (TuningRequest(minutes=float("nan")), "--minutes"),
        (TuningRequest(price=-1), "--price"),
        (TuningRequest(may_lose=2), "--may-lose"),
        (TuningRequest(sections=(16,)), "--sections 16"),
        (TuningRequest(sections=(256,)), "--sections 256"),
        (TuningRequest(sections=(4096,)), "--sections 4096"),
    ],
)
def test_a_bad_request_is_refused_before_any_work(world: World, request_: TuningRequest, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        tune(tuning_parts(world), request_)


def test_minutes_that_are_over_end_the_search_with_what_was_found(world: World) -> None:
    clock = iter(range(0, 10_000_000, 30))
    report = tune(tuning_parts(world, clock=lambda: next(clock)), TuningRequest(queries=60, minutes=10, sections=(64,)))
    assert not report.whole
    assert report.tried < 40
    assert report.lengths[0].skipped.startswith("embedding")
    assert "--sections 64 --minutes" in report.lengths[0].skipped


def test_another_length_of_section_is_tried_in_memory_and_told(world: World, tmp_path: Path) -> None:
    report = tune(tuning_parts(world), TuningRequest(policy=written(tmp_path), sections=(32, 64)))
    assert [one.tokens for one in report.lengths] == [32, 64]
    assert report.lengths[0].sections > report.sections
    assert report.check.confidence == 0.975
    assert sum(one.check is not None for one in report.lengths) <= 1


def test_a_ledger_that_can_only_be_read_is_tuned_on_and_not_written(world: World, tmp_path: Path) -> None:
    locked = Database(f"sqlite:///file:{world.home.ledger}?mode=ro&uri=true")
    try:
        assert tune(tuning_parts(world, database=locked), TuningRequest(policy=written(tmp_path))).documents
        with pytest.raises(DatabaseError, match="readonly") as caught:
            ready_to_apply(replace(version_parts(world), database=locked))
        assert "write access" in caught.value.hint
    finally:
        locked.close()


def test_a_tuning_that_is_interrupted_leaves_nothing(world: World) -> None:
    before = everything(world)

    def stop() -> ScriptedEmbedder:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(tuning_parts(world, embedder=stop), TuningRequest())
    assert everything(world) == before
