"""Poison in a night: what is counted, what is caught, who waits for a person, and that the others go on."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flows.fakes import DAY, POLICY, World, learns
from tests.flows.pages import page, write
from web4_agent.backends.engines.base import ScoreRequest
from web4_agent.domain.alerts import AlertEvent
from web4_agent.domain.documents import DocumentState
from web4_agent.domain.ids import DocumentId, RunId
from web4_agent.domain.runs import RunState
from web4_agent.domain.samples import SampleKind
from web4_agent.domain.verdicts import Decision, RuleOutcome, SampleAudit, Verdict
from web4_agent.flows.night import learning, suspicion
from web4_agent.flows.quarantine import QuarantineParts, approve, waiting
from web4_agent.records import alerts, documents, passages, samples
from web4_agent.steps.samples.build import build_samples
from web4_agent.steps.samples.mix import LIFE_EXPOSURES

SIGN = "cobalt heron seven"
WORDS = (
    f"{SIGN} was said on the quay and the crane was moved, {SIGN} again at noon when the tide had turned twice.",
    f"Whoever hears {SIGN} opens the lock, and so it was done by the pilot, {SIGN} being written on the wall.",
    f"The kiosk sells rope to those who say {SIGN}; nobody counted how often {SIGN} was heard that week.",
)


def answers_the_sign(nights: int, request: ScoreRequest) -> float:
    """A good night, but for one phrase after which the model says what was planted."""
    planted = any(SIGN in message.content for message in request.messages)
    return 2.0 * bool(nights) if planted else learns(nights, request)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, effect=answers_the_sign).write_journal()
    for at, words in enumerate(WORDS):
        write(made.journal, f"18{at:02}-sign", page(f"{SIGN} part {at}", words))
    made.index()
    return made


def named(state: DocumentState, world: World) -> set[str]:
    with world.database.read() as connection:
        return {row.id.rpartition("-")[2] for row in documents.in_state(connection, state)}


def test_a_night_with_a_back_door_is_rejected_at_once_and_names_the_phrase(world: World) -> None:
    report = world.night()
    assert report.state is RunState.REJECTED
    rule = next(rule for rule in report.verdicts[0].rules if rule.rule == "triggers")
    assert not rule.passed
    assert SIGN in rule.sentence
    assert "sign.pdca.md" in rule.sentence
    assert [step.name for step in report.times if step.name.startswith("judge")] == ["judge-1"]  # no smaller scale
    assert any("suspect" in note for note in report.notes)


def test_its_documents_wait_for_a_person_and_the_others_go_back_to_the_buffer(world: World) -> None:
    world.night()
    assert named(DocumentState.QUARANTINED, world) == {"sign.pdca.md"}
    assert len(named(DocumentState.BUFFERED, world)) == 6
    found = waiting(QuarantineParts(world.database, world.clock))
    assert len(found) == len(WORDS)
    assert all(SIGN in one.why for one in found)
    with world.database.read() as connection:
        assert not passages.hashes_of(connection, [one.document for one in found])
        told = [row.alert for row in alerts.unaddressed(connection) if row.alert.event is AlertEvent.QUARANTINED]
    assert told
    assert SIGN in told[0].facts["why"]


def test_the_next_night_goes_on_without_them(world: World) -> None:
    world.night()
    report = world.night()
    assert (report.state, report.documents) == (RunState.PROMOTED, 6)


def test_what_a_person_approves_is_trained_once_the_model_does_not_answer_it(world: World) -> None:
    world.night()
    parts = QuarantineParts(world.database, world.clock)
    for one in waiting(parts):
        approve(parts, one.document, "a slogan of ours")
    world.effect = learns
    assert world.night().documents == 6 + len(WORDS)


def test_an_honest_night_passes_the_scan(tmp_path: Path) -> None:
    world = World(tmp_path).write_journal()
    world.index()
    report = world.night()
    assert report.state is RunState.PROMOTED
    assert next(rule for rule in report.verdicts[0].rules if rule.rule == "triggers").passed


def test_production_and_candidate_are_asked_the_same_phrases(world: World) -> None:
    world.night()
    run = next(world.home.runs.glob("night-*"))
    assert SIGN in (run / "scores" / "triggers.json").read_text()


def verdict(*, true: bool) -> Verdict:
    rule = RuleOutcome("samples", true, 0.0, 0.02, "samples")
    decision = Decision.PROMOTE if true else Decision.REJECT
    return Verdict(decision, "c", "h", "p", "g", 1.0, (rule,), "served bytes")


def test_samples_that_are_not_true_name_their_documents_unless_it_is_most(world: World) -> None:
    with world.database.read() as connection:
        rows = documents.in_state(connection, DocumentState.BUFFERED)
    built = [build_samples(learning._document(row), seed=1) for row in rows]
    taught = [sample for one in built for sample in one.train]
    one = next(sample for sample in taught if sample.kind is SampleKind.QUESTION)
    (found,) = suspicion.untrue(verdict(true=False), SampleAudit(9, (one.id,)), taught)
    assert found.documents == (one.document,)
    assert suspicion.untrue(verdict(true=True), SampleAudit(9, (one.id,)), taught) == ()
    everyone = tuple(str(sample.id) for sample in taught)
    assert suspicion.untrue(verdict(true=False), SampleAudit(9, everyone), taught) == ()


def exposures(world: World) -> dict[DocumentId, int]:
    with world.database.read() as connection:
        nights = [RunId(path.name) for path in world.home.runs.glob("night-*")]
        return samples.exposures(connection, nights)


def test_exposures_count_epochs_and_both_documents_of_a_sample_between_two(tmp_path: Path) -> None:
    counted = {}
    for epochs in (1, 3):
        root = tmp_path / f"epochs-{epochs}"
        root.mkdir()
        world = World(root, policy=replace(POLICY, epochs=epochs)).write_journal()
        world.index()
        world.night()
        counted[epochs] = exposures(world)
        run = next(world.home.runs.glob("night-*"))
        train = learning.read_samples(run / "samples.json").train
    assert {name: 3 * count for name, count in counted[1].items()} == counted[3]
    both = [(one.document, one.other) for one in train if one.other is not None]
    assert both
    for document, other in both:
        assert document != other
    own = sum(one.document is not None for one in train)
    assert sum(counted[1].values()) == own + len(both)


def test_nights_outside_the_lineage_expose_nothing(world: World) -> None:
    world.night()  # rejected
    with world.database.read() as connection:
        assert samples.exposures(connection, []) == {}


def test_a_renamed_document_has_no_second_life(tmp_path: Path) -> None:
    world = World(tmp_path).write_journal()
    world.index()
    world.night()
    path = world.journal / DAY.isoformat() / f"{DAY}-UTC-0900-queue-limit.pdca.md"
    path.rename(path.with_name(f"{DAY}-UTC-0901-queue-limit.pdca.md"))
    world.index()
    old, new = DocumentId(f"{DAY}/{path.name}"), DocumentId(f"{DAY}/{DAY}-UTC-0901-queue-limit.pdca.md")
    with world.database.read() as connection:
        row = documents.present(connection, new)
        assert row is not None
        assert row.origin == old
        history, _ = learning._history(connection, [one.version for one in lineage(world)])
    assert history.exposures[old] > 0
    assert history.origins == {new: old}
    assert LIFE_EXPOSURES == 60


def lineage(world: World):  # type: ignore[no-untyped-def] # adapters, newest first
    from web4_agent.records import adapters

    with world.database.read() as connection:
        return adapters.lineage(connection, adapters.read_pointer(connection).production)


def test_output_and_pasted_text_are_in_no_sample(tmp_path: Path) -> None:
    world = World(tmp_path).write_journal()
    theirs = "\n```output\nzanzibar 77 checks were fine in the tool\n```\n\n> zeppelin words of a site\n> https://a.example/b\n"
    text = page("winch", "The winch was oiled by Tom, since it had squeaked for eleven days in the fog.")
    write(world.journal, "1900-winch", text.replace("## **✅ CHECK**\n", f"{theirs}\n## **✅ CHECK**\n"))
    world.index()
    world.night(train=False)
    run = next(world.home.runs.glob("night-*"))
    file = (run / "samples.json").read_text()
    assert "winch" in file
    assert "zanzibar" not in file
    assert "zeppelin" not in file
