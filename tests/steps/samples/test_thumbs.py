"""Which thumbs count, and that no amount of bought ones passes the caps."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web4_agent.domain.ids import BASE, AdapterVersion, ContentHash, DocumentId, SampleId
from web4_agent.domain.queries import ResponseId, Thumb
from web4_agent.domain.samples import Sample, SampleKind, SampleOrigin
from web4_agent.domain.thumbs import Use, Vote, VoteUse
from web4_agent.domain.training import TrainPolicy
from web4_agent.steps.samples import thumbs
from web4_agent.steps.samples.mix import LIFE_EXPOSURES, Mix, estimated_tokens, mix
from web4_agent.steps.samples.thumbs import Counted, Past, Voted, count_votes, mix_in, preferences_of, room_for

POLICY = TrainPolicy()
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def vote(number: int, **changes: object) -> Vote:
    """A thumb up of a client of its own on an answer of its own, a second after the vote with the number before."""
    values: dict[str, object] = {
        "response": ResponseId(f"w4-{number:021x}"),
        "client": f"client {number}",
        "at_utc": NOON + timedelta(seconds=number),
        "thumb": Thumb.UP,
        "asker": "ide",
        "adapter": BASE,
        "whole": True,
        "question": f"How was berth {number} settled?",
        "answer": f"Berth {number} was given to the crew of pier {number} after a look at the tide table. " * 3,
    }
    return Vote(**(values | changes))  # type: ignore[arg-type] # values by name, checked at run time


def counted(*votes: Vote, used: tuple[VoteUse, ...] = ()) -> Counted:
    return count_votes(votes, {BASE}, Past(used), POLICY)


def reasons(found: Counted) -> list[str]:
    return [reason for _, reason in found.left_out]


def night(documents: int = 40, each: int = 5) -> Mix:
    new = [
        Sample(
            SampleId(f"s-{number}-{at}"),
            SampleKind.SECTION,
            SampleOrigin.NEW,
            "What was done?",
            f"Line {at} of document {number}. " * 12,
            DocumentId(f"{number}.md"),
            ContentHash("0" * 64),
        )
        for number in range(documents)
        for at in range(each)
    ]
    return mix(new, [], [], POLICY, night_index=1)


def feedback_share(mixed: Mix) -> float:
    return mixed.loss_tokens[SampleOrigin.FEEDBACK] / sum(mixed.loss_tokens.values())


def test_an_answer_voted_up_is_a_target_of_twice_a_passages_weight() -> None:
    (one,) = counted(vote(1)).trainable
    assert (one.sample.prompt, one.sample.target) == (vote(1).question, vote(1).answer.strip())
    assert (one.sample.weight, one.sample.kind, one.sample.origin) == (2.0, SampleKind.FEEDBACK, SampleOrigin.FEEDBACK)
    assert one.sample.document is None


def test_a_thumb_down_is_kept_out_and_never_a_target() -> None:
    found = counted(vote(1, thumb=Thumb.DOWN), vote(2))
    assert [one.sample.prompt for one in found.trainable] == [vote(2).question]
    assert [one.response for one in found.down] == [vote(1).response]


def test_votes_of_several_people_on_one_answer_are_one_sample() -> None:
    found = counted(vote(1), replace(vote(1), client="another"), replace(vote(1), client="a third"))
    (one,) = found.trainable
    assert len(one.votes) == 3
    assert one.sample.weight == 2.0


def test_an_answer_with_thumbs_both_ways_is_left_out_under_whatever_id() -> None:
    found = counted(vote(1), replace(vote(1), client="another", response=vote(7).response, thumb=Thumb.DOWN))
    assert (found.trainable, found.down) == ((), ())
    assert reasons(found) == [thumbs.DISAGREED] * 2


def test_a_persons_votes_on_equal_answers_count_once() -> None:
    same = [replace(vote(at), client="ann", answer=vote(1).answer) for at in range(4)]
    found = counted(*same)
    assert [len(one.votes) for one in found.trainable] == [1]
    assert reasons(found) == [thumbs.REPEATED] * 3


def test_who_asks_until_the_answer_pleases_teaches_one_answer_a_question() -> None:
    own = [replace(vote(at), client="ide", question="Was I right?") for at in range(3)]
    found = counted(*own)
    assert len(found.trainable) == 1
    assert reasons(found) == [thumbs.OWN_ANSWER] * 2
    with_another = counted(*own, replace(own[1], client="bob"))
    assert len(with_another.trainable) == 2, "an answer that another liked, too, is not only its asker's"


def test_only_five_votes_a_person_and_day_count() -> None:
    found = counted(*(vote(at, client="ann") for at in range(8)))
    assert len(found.trainable) == 5
    assert reasons(found) == [thumbs.OVER_DAY] * 3
    next_day = counted(*(vote(at, client="ann", at_utc=NOON + timedelta(days=at % 2, seconds=at)) for at in range(8)))
    assert len(next_day.trainable) == 8


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": ""}, thumbs.NO_TEXT),
        ({"question": " "}, thumbs.NO_TEXT),
        ({"whole": False}, thumbs.NOT_WHOLE),
        ({"adapter": AdapterVersion("a-000000000000")}, thumbs.OTHER_LINE),
    ],
)
def test_what_is_no_whole_answer_of_this_line_of_models_is_left_out(changes: dict[str, object], reason: str) -> None:
    found = counted(vote(1, **changes))
    assert (found.trainable, found.preferable, reasons(found)) == ((), (), [reason])


def test_a_vote_is_made_the_same_use_of_once() -> None:
    up, down = vote(1), vote(2, thumb=Thumb.DOWN)
    used = (VoteUse(up.response, up.client, Use.TRAINED), VoteUse(down.response, down.client, Use.KEPT_OUT))
    found = counted(up, down, replace(up, client="later"), used=used)
    assert (found.trainable, found.down) == ((), ())
    assert len(found.preferable) == 2, "a preference step is another use"
    preferred = tuple(VoteUse(one.response, one.client, Use.PREFERRED) for one in (up, down))
    assert counted(up, down, used=preferred).preferable == ()


def test_what_a_night_that_was_rolled_back_had_learnt_is_not_learnt_again() -> None:
    up, down = vote(1), vote(2, thumb=Thumb.DOWN)
    left = (VoteUse(up.response, up.client, Use.TRAINED), VoteUse(down.response, down.client, Use.KEPT_OUT))
    found = count_votes([up, down], {BASE}, Past(rolled_back=left), POLICY)
    assert (found.trainable, reasons(found)) == ((), [thumbs.ROLLED_BACK])
    assert len(found.down) == 1


def test_a_night_without_votes_is_the_very_night() -> None:
    mixed = night()
    assert mix_in(mixed, (), POLICY, {}).mix is mixed
    assert room_for((), POLICY) is POLICY


def test_feedback_is_at_most_a_fifth_of_the_loss_tokens_and_the_rest_waits() -> None:
    mixed = night()
    taken = mix_in(mixed, counted(*(vote(at) for at in range(600))).trainable, POLICY, {})
    assert 0.19 < feedback_share(taken.mix) <= 0.2
    assert {reason for _, reason in taken.left_out} == {thumbs.OVER_FEEDBACK}
    assert taken.mix.samples[: len(mixed.samples)] == mixed.samples
    assert taken.mix.counts[SampleOrigin.FEEDBACK] == len(taken.taken)


def test_a_full_night_makes_room_for_feedback() -> None:
    voted = counted(*(vote(at) for at in range(600))).trainable
    policy = replace(POLICY, max_tokens=5_000)
    assert room_for(voted, policy).max_tokens == 4_000
    mixed = replace(night(), tokens=4_000)
    taken = mix_in(mixed, voted, policy, {})
    assert len(taken.taken) > 0
    assert taken.mix.tokens <= policy.max_tokens
    assert thumbs.OVER_BUDGET in {reason for _, reason in taken.left_out}


def test_fifty_people_for_one_document_do_not_lift_it_above_its_share() -> None:
    bought = [vote(at, documents=(DocumentId("0.md"),)) for at in range(50)]
    mixed = night()
    taken = mix_in(mixed, counted(*bought).trainable, POLICY, {})
    whole = sum(taken.mix.loss_tokens.values())
    own = sum(estimated_tokens(one.target) for one in mixed.samples if one.document == "0.md")
    told = sum(estimated_tokens(one.sample.target) for one in taken.taken)
    assert told > 0
    assert own + told <= POLICY.document_share * whole
    assert {reason for _, reason in taken.left_out} == {thumbs.OVER_DOCUMENT}


def test_a_document_that_was_shown_often_enough_in_its_life_is_not_shown_again_by_votes() -> None:
    one = vote(1, documents=(DocumentId("old.md"),))
    (left,) = mix_in(night(), counted(one).trainable, POLICY, {DocumentId("old.md"): LIFE_EXPOSURES}).left_out
    assert left[1] == thumbs.OVER_LIFE


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 30), st.sampled_from(list(Thumb)), st.integers(0, 2), st.integers(0, 4)
        ),
        max_size=500,
    )
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_voted_the_caps_hold(cast: list[tuple[int, int, Thumb, int, int]]) -> None:
    """(client, answer, thumb, day, document) of each vote."""
    votes = [
        vote(
            at,
            client=f"c{client}",
            answer=f"answer {answer} says so {answer} times",
            question=f"question {answer}",
            thumb=thumb,
            at_utc=NOON + timedelta(days=day, seconds=at),
            documents=(DocumentId(f"{document}.md"),),
        )
        for at, (client, answer, thumb, day, document) in enumerate(cast)
    ]
    found = count_votes(sorted(votes, key=lambda one: one.at_utc), {BASE}, Past(), POLICY)
    _within_caps(found, [one for one in votes if one.thumb is Thumb.DOWN])


def test_one_client_with_five_hundred_votes_has_five() -> None:
    found = counted(*(vote(at, client="buyer") for at in range(500)))
    assert sum(len(one.votes) for one in found.trainable) == POLICY.votes_a_day
    _within_caps(found, [])


def _within_caps(found: Counted, down: list[Vote]) -> None:
    cast = [one for each in found.preferable for one in each.votes]
    a_day = Counter((one.client, one.at_utc.date()) for one in cast)
    assert max(a_day.values(), default=0) <= POLICY.votes_a_day
    rejected = {(one.question, one.answer.strip()) for one in down}
    assert not rejected & {(one.sample.prompt, one.sample.target) for one in found.trainable}
    mixed = night()
    taken = mix_in(mixed, found.trainable, POLICY, {}).mix
    assert feedback_share(taken) <= POLICY.feedback_share
    assert taken.largest_document_share <= max(POLICY.document_share, mixed.largest_document_share)


def voted(count: int, thumb: Thumb, first: int = 0, document: str = "") -> tuple[Voted, ...]:
    named = {"documents": (DocumentId(document),)} if document else {}
    found = counted(*(vote(first + at, thumb=thumb, **named) for at in range(count)))
    return found.preferable


def test_a_preference_step_needs_a_hundred_answers_and_twenty_of_the_rarer_kind() -> None:
    enough = (*voted(80, Thumb.UP), *voted(20, Thumb.DOWN, 500))
    assert len(preferences_of(enough, replace(POLICY, max_tokens=400_000))) == 100
    assert preferences_of(enough[1:], POLICY) == ()
    assert preferences_of((*voted(81, Thumb.UP), *voted(19, Thumb.DOWN, 500)), POLICY) == ()
    assert preferences_of((*voted(19, Thumb.UP), *voted(81, Thumb.DOWN, 500)), POLICY) == ()


def test_a_preference_step_leaves_half_the_night_to_replay() -> None:
    many = (*voted(300, Thumb.UP), *voted(100, Thumb.DOWN, 500))
    chosen = preferences_of(many, replace(POLICY, max_tokens=20_000))
    spent = sum(estimated_tokens(one.sample.prompt) + estimated_tokens(one.sample.target) for one in chosen)
    assert 9_000 < spent <= 10_000
    kinds = Counter(one.thumb for one in chosen)
    assert kinds[Thumb.UP] == pytest.approx(3 * kinds[Thumb.DOWN], abs=3)


def test_a_document_is_behind_one_in_twenty_preferences_at_most() -> None:
    bought = voted(50, Thumb.UP, 1_000, "bought.md")
    many = (*voted(80, Thumb.UP), *bought, *voted(40, Thumb.DOWN, 500))
    chosen = preferences_of(many, replace(POLICY, max_tokens=400_000))
    behind = sum("bought.md" in one.documents for one in chosen)
    assert 0 < behind <= POLICY.document_share * len(many)
